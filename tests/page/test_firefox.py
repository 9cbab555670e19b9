"""The page in Debian's Firefox, spoken to in WebDriver BiDi: what browsers are known to do differently.

Playwright's own BiDi asks for commands that this Firefox does not have; the few that are needed take less.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from free_ports import free_port
from server import Server

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")
FIREFOX = shutil.which("firefox-esr")
pytestmark = pytest.mark.skipif(not FIREFOX, reason="firefox is not installed (Debian: firefox-esr)")

_PATIENCE = 60  # seconds: other tests run at the same time

TEXT = "() => document.body.innerText"
FOUND = "() => document.getElementById('found')?.innerText ?? ''"
TOTAL = "() => document.getElementById('total').innerText"
CHOOSE = """async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 240, height: 180 });
    canvas.getContext("2d").fillRect(20, 20, 60, 40);
    const blob = await new Promise((done) => canvas.toBlob(done));
    const carried = new DataTransfer();
    carried.items.add(new File([blob], "places.png", { type: "image/png" }));
    const field = document.getElementById("image");
    field.files = carried.files;
    field.dispatchEvent(new Event("change"));
}"""
SET = """() => {
    const type = (id, value) => {
        const field = document.getElementById(id);
        field.value = value;
        field.dispatchEvent(new Event("input"));
    };
    type("micrometres", "0,325");
    type("threshold", "0.65");
    type("opacity", "0.9");
    document.getElementById("boxes").click();
}"""
STATE = """() => JSON.stringify([
    ...["micrometres", "threshold", "opacity"].map((id) => document.getElementById(id).value),
    ...["boxes", "outlines", "compare"].map((id) => document.getElementById(id).checked),
])"""


class Tab:
    """A tab of a Firefox that has just been started."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._id = ""

    async def open(self) -> None:
        await self.command("session.new", capabilities={})
        tree = await self.command("browsingContext.getTree")
        self._id = tree["contexts"][0]["context"]

    async def command(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=2 * _PATIENCE)
            if message.get("id") == number:
                assert message["type"] == "success", message
                return message["result"]

    async def go(self, method: str, **params: Any) -> None:
        await self.command(f"browsingContext.{method}", context=self._id, wait="complete", **params)

    async def run(self, function: str) -> Any:
        """What a function of the page returns, or its promise is kept with."""
        answer = await self.command(
            "script.callFunction",
            functionDeclaration=function,
            target={"context": self._id},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    async def wait(self, function: str, expected: str) -> None:
        """Wait until a function of the page returns what is expected."""
        end = time.monotonic() + _PATIENCE
        while await self.run(function) != expected:
            assert time.monotonic() < end, await self.run(TEXT)
            await asyncio.sleep(0.1)


async def visit(address: str, port: int) -> tuple[str, str]:
    """The state of controls in Firefox, before and after the page is loaded again."""
    async with aiohttp.ClientSession() as session:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                socket = await session.ws_connect(f"ws://127.0.0.1:{port}/session", max_msg_size=0)
                break
            except aiohttp.ClientError:
                assert time.monotonic() < end, "Firefox does not answer"
                await asyncio.sleep(0.1)
        tab = Tab(socket)
        await tab.open()
        await tab.go("navigate", url=address)
        await tab.run(CHOOSE)
        await tab.wait(FOUND, "5 objects")
        await tab.run(SET)
        await tab.wait(FOUND, "4 objects")
        await tab.wait(TOTAL, "687 µm²")  # sums follow the count
        before = await tab.run(STATE)
        await asyncio.sleep(1)  # for what is kept
        await tab.go("reload")
        await tab.wait(FOUND, "4 objects")
        await tab.wait(TOTAL, "687 µm²")
        after = await tab.run(STATE)
        await socket.close()
        return before, after


def test_firefox_measures_and_keeps_a_picture_and_its_controls_agree_with_it(
    server: Server, tmp_path: Path
) -> None:
    port = free_port()
    command = [
        FIREFOX,
        "--headless",
        "--no-remote",
        "--profile",
        tmp_path,
        "--remote-debugging-port",
        str(port),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as firefox:
        try:
            with ThreadPoolExecutor(1) as thread:  # Playwright has the event loop of this one
                before, after = thread.submit(asyncio.run, visit(server.address, port)).result()
        finally:
            firefox.kill()
    assert json.loads(before) == ["0,325", "0.65", "0.9", True, True, False]
    assert json.loads(after) == ["0.325", *json.loads(before)[1:]]
