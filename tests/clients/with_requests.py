"""with_requests.py ADDRESS PICTURE: a picture in each way that requests sends one, with a line for each."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

address, path = sys.argv[1:]
picture = Path(path).read_bytes()


def pieces() -> Iterator[bytes]:
    for start in range(0, len(picture), 1000):
        yield picture[start : start + 1000]


def ask(way: str, route: str = "/api/v1/segment", **body: Any) -> None:
    reply = requests.post(address + route, timeout=30, **body)
    reply.raise_for_status()
    print(way, json.dumps(reply.json()))


with open(path, "rb") as file:
    ask("file", files={"image": file}, data={"threshold": 0.5})
with open(path, "rb") as file:
    ask("file-body", data=file)
ask("bytes", data=picture)
ask("bytes-in-a-form", files={"image": picture})
ask("plain-part", files={"image": (None, picture)})
ask("non-ascii-name", files={"file": ("細胞 é.png", picture, "image/png")})
ask("parameters-as-files", files={"image": picture, "threshold": (None, "0.5", "application/json")})
ask("generator", data=pieces())
ask("json", json={"image": base64.b64encode(picture).decode()})
ask("dumped-json", data=json.dumps({"image": base64.b64encode(picture).decode()}))
ask("gzip", data=gzip.compress(picture), headers={"Content-Encoding": "gzip"})
ask("batch", "/api/v1/batch", files=[("images", ("a.png", picture)), ("image", ("b.png", picture))])
