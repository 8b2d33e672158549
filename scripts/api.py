"""The parts of scripts/api that need more than a shell: a relay, and a walk over every path without a credential.

A refused credential counts against the address that sent it, 60 a minute. The relay gives every connection a loopback
address of its own, so that what is found out about refusals is not "too many of them".

api.py relay PORT            listens on a free port, prints it, and passes connections on to 127.0.0.1:PORT
api.py strangers URL FILE    calls every operation of an OpenAPI document without a credential
"""

import asyncio
import itertools
import json
import sys
import urllib.error
import urllib.request


async def pass_on(source, sink):
    while chunk := await source.read(65536):
        sink.write(chunk)
        await sink.drain()


async def relay(port):
    places = itertools.count(2)
    # The loop itself holds its tasks weakly.
    open_tasks = set()

    async def serve(reader, writer):
        open_tasks.add(asyncio.current_task())
        place = next(places)
        address = f"127.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255}"
        onward = None
        try:
            server, onward = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            request = asyncio.create_task(pass_on(reader, onward))
            await pass_on(server, writer)
            request.cancel()
        except OSError:
            pass
        finally:
            for end in filter(None, (writer, onward)):
                end.close()
            open_tasks.discard(asyncio.current_task())

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


def status_of(url, method):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.status


def strangers(base, path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    wrong, count = [], 0
    for route, item in document["paths"].items():
        for method, operation in item.items():
            is_open = operation.get("security") == []
            status = status_of(base + route.replace("{", "").replace("}", ""), method.upper())
            count += 1
            if status != (200 if is_open else 401):
                wrong.append(f"{method.upper()} {route}: {status} without a credential")
    print(f"without a credential: {count} operations called, {len(wrong)} wrong")
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["relay", port]:
            asyncio.run(relay(int(port)))
        case ["strangers", url, file]:
            strangers(url, file)
        case _:
            sys.exit(__doc__)
