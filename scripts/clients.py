"""The official Python MCP client against a running Guildhall, in both protocol eras.

Usage: clients.py URL KEY. Prints one line per era and `N passed, N failed`; exits non-zero on a failure.
"""

import asyncio
import sys

from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client


async def era(url: str, key: str, mode: str) -> str:
    http = create_mcp_http_client(headers={"Authorization": f"Bearer {key}"})
    async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"create_memory", "search_memories", "whoami"} <= names, names
        stored = await client.call_tool("create_memory", {"content": f"a walrus met in {mode} mode"})
        assert not stored.is_error, stored
        found = await client.call_tool("search_memories", {"query": f"walrus {mode}"})
        ids = [item["memory"]["id"] for item in found.structured_content["items"]]
        assert stored.structured_content["id"] in ids, found
        wrong = await client.call_tool("create_memory", {"content": "x", "importance": 7})
        assert wrong.is_error and wrong.structured_content["code"] == "invalid_input", wrong
        return client.protocol_version


async def main() -> int:
    url, key = sys.argv[1:3]
    failed = 0
    for mode in ("legacy", "auto", "2026-07-28"):
        try:
            print(f"python client, mode {mode}: speaks {await era(url, key, mode)}, stores and finds")
        except BaseException as error:  # noqa: BLE001 - whatever goes wrong is a failure to report
            failed += 1
            print(f"python client, mode {mode}: FAILED: {error!r}")
            if hasattr(error, "exceptions"):
                print("  ", error.exceptions)
    print(f"{3 - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
