from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote

import pytest

from app.requests.base64_text import NotBase64, decode_base64

BYTES = bytes(range(256)) + b"\xfb\xff\xfe"  # every digit of either alphabet, and padding
PLAIN = base64.b64encode(BYTES + b"x").decode()
assert PLAIN.endswith("=") and {"+", "/"} <= set(PLAIN)

WAYS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "unpadded": lambda text: text.rstrip("="),
    "padded too much": lambda text: text.rstrip("=") + "===",
    "URL-safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "URL-safe, unpadded": lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
    "both alphabets": lambda text: text.replace("+", "-"),
    "lines of 76": lambda text: "\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
    "lines with CRLF": lambda text: "\r\n".join(text[at : at + 64] for at in range(0, len(text), 64)),
    "spaces around": lambda text: f" \t{text}\n",
    "padding on a line of its own": lambda text: text.replace("=", "\n=", 1),
    "data: URL": lambda text: f"data:image/png;base64,{text}",
    "data: URL without a type": lambda text: f"data:;base64,{text}",
    "data: URL with a parameter": lambda text: f"data:image/png;charset=utf-8;base64,{text}",
    "data: URL with a quoted comma": lambda text: f'data:image/png;name="a,b.png";base64,{text}',
    "data: URL with spaces": lambda text: f" data:image/png; base64, {text}",
    "data: URL in capitals": lambda text: f"DATA:IMAGE/PNG;BASE64,{text}",
    "data: URL, URL-safe": lambda text: f"data:image/png;base64,{text.replace('/', '_').rstrip('=')}",
    "data: URL with escaped digits": lambda text: f"data:image/png;base64,{quote(text, safe='')}",
    "data: URL in escapes": lambda text: quote(f"data:image/png;base64,{text}", safe=""),
    "escapes in lower case": lambda text: f"data:;base64,{quote(text, safe='').replace('%2B', '%2b')}",
}


@pytest.mark.parametrize("write", WAYS.values(), ids=WAYS.keys())
def test_base64_is_read_however_it_is_written(write: Callable[[str], str]) -> None:
    assert decode_base64(write(PLAIN)) == BYTES + b"x"
    assert decode_base64(write(base64.b64encode(BYTES[:-1]).decode())) == BYTES[:-1]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("eHh4!eHh", "character 5 is '!'"),
        ("eHh4\n\n€eHh", "character 7 is '€'"),
        ("b'eHh4'", 'character 2 is "\'"'),  # str() of Python's bytes
        ("data:image/png;base64,eH*4", "character 25 is '*'"),
        ("eHh4%zzeHh4", "character 5 is '%'"),
        ("eA==eA==", "after the = that ends it, character 3"),
        ("eHh4e", "is incomplete"),
        ("data:image/png,eHh4", "no ;base64"),
        ("data:", "no ;base64"),
        ("https://x.example/a.png", "by url or gcs_uri"),
        ("gs://bucket/a.png", "by url or gcs_uri"),
    ],
)
def test_what_is_no_base64_is_said_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(NotBase64) as raised:
        decode_base64(text)
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [" " * 10**7, "A" + "=" * 10**7, "=A" * 10**7, "%2B" * 10**7, "data:" + '"' * 10**7, "A" * (10**7 + 1)],
    ids=["spaces", "padding", "padding and digits", "escapes", "quotes", "digits"],
)
@pytest.mark.timeout(30)
def test_no_text_takes_longer_than_its_length_explains(text: str) -> None:
    try:
        decode_base64(text)
    except NotBase64 as error:
        assert len(str(error)) < 200
