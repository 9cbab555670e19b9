"""with_httpx.py ADDRESS PICTURE: a picture in each way that httpx sends one, with a line for each."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx

address, path = sys.argv[1:]
picture = Path(path).read_bytes()


def pieces() -> Iterator[bytes]:
    for start in range(0, len(picture), 1000):
        yield picture[start : start + 1000]


async def later_pieces() -> AsyncIterator[bytes]:
    for piece in pieces():
        yield piece


def tell(way: str, reply: httpx.Response) -> None:
    reply.raise_for_status()
    print(way, json.dumps(reply.json()))


def ask(way: str, route: str = "/api/v1/segment", **body: Any) -> None:
    tell(way, httpx.post(address + route, timeout=30, **body))


async def ask_async(way: str, **body: Any) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        tell(way, await client.post(f"{address}/api/v1/segment", **body))


with open(path, "rb") as file:
    ask("file", files={"image": file}, data={"threshold": "0.5"})
ask("bytes", content=picture)
ask("generator", content=pieces())
ask("non-ascii-name", files={"file": ('細胞 "é".png', picture, "image/png")})
ask("batch", "/api/v1/batch", files=[("images", ("a.png", picture)), ("image", ("b.png", picture))])
asyncio.run(ask_async("async-form", files={"image": picture}))
asyncio.run(ask_async("async-generator", content=later_pieces()))
