"""Foreign MCP clients and two stdio shims at one running Guildhall, all at once.

Usage: clients.py BINARY DATA URL KEY NODE INSPECTOR

The official Python client speaks both protocol eras over HTTP and through a shim, each under a name of its own; the MCP
Inspector's command line comes over HTTP and through a shim. Everybody writes, reads and searches while the others do. Then
the server is asked for what each wrote: nothing may be lost, nothing doubled, nobody else's name on it. Prints a line for
each and `N passed, N failed`; exits non-zero on a failure.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Awaitable

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

BINARY, DATA, URL, KEY, NODE, INSPECTOR = sys.argv[1:7]
MODES = ("legacy", "auto", "2026-07-28")
WRITES = 40
INSPECTIONS = 3


def hall(*args: str) -> str:
    return subprocess.run([BINARY, *args, "--data", DATA], check=True, capture_output=True, text=True).stdout


def shim(agent: str) -> list[str]:
    return ["mcp", "--data", DATA, "--agent", agent, "--no-start"]


async def converse(client: Client, name: str) -> str:
    """Stores `WRITES` memories under the tag `name`, finds each again, and makes a mistake on purpose."""
    tools = {tool.name for tool in (await client.list_tools()).tools}
    assert {"create_memory", "search_memories", "whoami"} <= tools, tools

    async def one(number: int) -> str:
        content = f"walrus {number} met by {name}"
        stored = await client.call_tool("create_memory", {"content": content, "tags": [name], "access": "public"})
        assert not stored.is_error, stored
        memory = stored.structured_content["id"]
        read = await client.call_tool("get_memory", {"id": memory})
        assert read.structured_content["content"] == content, read
        return memory

    stored = await asyncio.gather(*(one(number) for number in range(WRITES)))
    found = await client.call_tool("search_memories", {"query": f"walrus {WRITES - 1} {name}"})
    assert stored[-1] in [item["memory"]["id"] for item in found.structured_content["items"]], found
    wrong = await client.call_tool("create_memory", {"content": "x", "importance": 7})
    assert wrong.is_error and wrong.structured_content["code"] == "invalid_input", wrong
    me = await client.call_tool("whoami", {})
    return f"speaks {client.protocol_version} as {me.structured_content['name']}, {WRITES} stored and read"


async def over_http(name: str, mode: str) -> str:
    http = create_mcp_http_client(headers={"Authorization": f"Bearer {KEY}"})
    async with Client(streamable_http_client(URL, http_client=http), mode=mode) as client:
        return await converse(client, name)


async def through_a_shim(name: str, mode: str) -> str:
    started = StdioServerParameters(command=BINARY, args=shim(name))
    async with Client(started, mode=mode) as client:
        return await converse(client, name)


async def inspect(name: str, *server: str) -> str:
    """The Inspector starts anew for every request, so it makes few of them."""

    async def ask(*request: str) -> dict:
        process = await asyncio.create_subprocess_exec(
            NODE, INSPECTOR, "--cli", *server, "--method", *request, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, (request, out.decode(), err.decode())
        return json.loads(out)

    tools = [tool["name"] for tool in (await ask("tools/list", "--strict"))["tools"]]
    assert 0 < len(tools) <= 12, tools
    for number in range(INSPECTIONS):
        arguments = [f"content=otter {number} seen by {name}", f'tags=["{name}"]', "access=public"]
        given = [part for argument in arguments for part in ("--tool-arg", argument)]
        stored = await ask("tools/call", "--tool-name", "create_memory", *given)
        assert not stored.get("isError") and stored["structuredContent"]["id"].startswith("mem_"), stored
    return f"lists {len(tools)} tools, {INSPECTIONS} stored"


def wrote(name: str, expected: int, owner: str) -> str:
    """What the server holds of one of them, as the local operator sees it."""
    rows, cursor = [], None
    while True:
        page = {"tags_all": [name], "limit": 200} | ({"cursor": cursor} if cursor else {})
        answer = json.loads(hall("call", "memory.list", "--input", json.dumps(page), "--json"))
        rows, cursor = rows + answer["items"], answer.get("next_cursor")
        if not cursor:
            break
    assert len({row["id"] for row in rows}) == expected, f"{name}: {len(rows)} of {expected}"
    assert {row["owner"] for row in rows} == {owner}, rows
    return f"all {expected} are there, owned by {owner}"


async def main() -> int:
    agents = {agent["name"]: agent["id"] for agent in json.loads(hall("agent", "list", "--json"))["items"]}
    shims = {"shim-legacy": "legacy", "shim-modern": "2026-07-28"}
    for name in [*shims, "inspector-shim"]:
        agents[name] = json.loads(hall("agent", "add", name, "--json"))["id"]

    config = Path(DATA).parent / "inspector.json"
    config.write_text(json.dumps({"mcpServers": {"hall": {"command": BINARY, "args": shim("inspector-shim")}}}))
    header = f"Authorization: Bearer {KEY}"
    work: dict[str, tuple[Awaitable[str], int, str]] = {}
    for mode in MODES:
        work[f"http-{mode}"] = (over_http(f"http-{mode}", mode), WRITES, "agent")
    for name, mode in shims.items():
        work[name] = (through_a_shim(name, mode), WRITES, name)
    work["inspector-http"] = (inspect("inspector-http", URL, "--transport", "http", "--header", header), INSPECTIONS, "agent")
    work["inspector-shim"] = (inspect("inspector-shim", "--config", str(config), "--server", "hall"), INSPECTIONS, "inspector-shim")

    counts = Counter()
    ended = await asyncio.gather(*(doing for doing, _, _ in work.values()), return_exceptions=True)
    for (name, (_, expected, owner)), said in zip(work.items(), ended):
        try:
            if isinstance(said, BaseException):
                raise said
            print(f"{name}: {said}; {wrote(name, expected, agents[owner])}")
            counts["passed"] += 1
        except BaseException as error:  # noqa: BLE001 - whatever goes wrong is a failure to report
            counts["failed"] += 1
            print(f"{name}: FAILED: {error!r} {getattr(error, 'exceptions', '')}")
    print(f"audit log: {hall('audit', 'verify').strip()}")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


sys.exit(asyncio.run(main()))
