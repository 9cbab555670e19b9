"""like_dotnet.py ADDRESS PICTURE: the bytes that .NET's HttpClient sends, with a line for each of its ways.

As of .NET 8: chunks with sizes in capitals, quotes around the boundary and none around names, two file names.
"""

from __future__ import annotations

import base64
import json
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

address, path = sys.argv[1:]
picture = Path(path).read_bytes()
server = urlsplit(address)
BOUNDARY = "7b1a2f0e-6c5d-4e3f-9a8b-0c1d2e3f4a5b"


def ask(way: str, body: bytes, *headers: str, route: str = "/api/v1/segment") -> None:
    """POST the body as HttpClient does: the head, then the chunks, each in a write of its own."""
    lines = (
        f"POST {route} HTTP/1.1",
        f"Host: {server.netloc}",
        *headers,
        "Transfer-Encoding: chunked",
        "",
        "",
    )
    with socket.create_connection((server.hostname, server.port), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode())
        for start in range(0, len(body), 4096):
            piece = body[start : start + 4096]
            connection.sendall(b"%X\r\n" % len(piece))
            connection.sendall(piece)
            connection.sendall(b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        with connection.makefile("rb") as reply:
            head, _, answer = reply.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head + answer
    print(way, json.dumps(json.loads(answer)))


def form(*parts: tuple[str, bytes]) -> bytes:
    """MultipartFormDataContent: each part's headers and what it holds."""
    between = f"\r\n--{BOUNDARY}\r\n".encode()
    joined = between.join(headers.encode() + b"\r\n\r\n" + data for headers, data in parts)
    return between.removeprefix(b"\r\n") + joined + f"\r\n--{BOUNDARY}--\r\n".encode()


def stream(name: str, file_name: str) -> tuple[str, bytes]:
    """A StreamContent."""
    named = f"form-data; name={name}; filename={file_name}; filename*=utf-8''{file_name}"
    return f"Content-Disposition: {named}", picture


TYPE = f'Content-Type: multipart/form-data; boundary="{BOUNDARY}"'
text = ("Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=threshold", b"0.5")

ask("stream", picture)
ask("typed-stream", picture, "Content-Type: image/png")
ask("form", form(stream("image", "cells.png"), text), TYPE)
ask("capitals", form(stream("File", "cells.png")), TYPE)
encoded = base64.b64encode(picture).decode()
ask("json", json.dumps({"image": encoded}).encode(), "Content-Type: application/json; charset=utf-8")
ask("batch", form(stream("images", "a.png"), stream("images", "b.png")), TYPE, route="/api/v1/batch")
