"""Files that are no pictures are refused by their names, and pictures are not taken for them."""

from __future__ import annotations

import pytest

from model.pictures import NotAPicture, decode

FILES = {
    "a PDF": b"%PDF-1.7\n",
    "a zip archive": b"PK\3\4" + bytes(30),
    "a file compressed with gzip": b"\x1f\x8b\x08" + bytes(30),
    "a file compressed with zstd": b"\x28\xb5\x2f\xfd" + bytes(30),
    "a JPEG 2000 file": b"\0\0\0\x0cjP  \r\n\x87\n",
    "a JPEG XL file": b"\xff\x0a" + bytes(30),
    "a DICOM file": bytes(128) + b"DICM" + bytes(30),
    "a CZI file": b"ZISRAWFILE" + bytes(30),
    "a video, or a photo in a video container": b"\0\0\0\x18ftypisom" + bytes(12),
    "a web page": b"\n<!DOCTYPE html><html>",
    "an SVG drawing": b'<?xml version="1.0"?>\n<svg xmlns="">',
    "XML": b'\xef\xbb\xbf<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>',
    "base64 as text": b"iVBORw0KGgoAAAANSUhEUg",
    "a data: URL as text": b"data:image/png;base64,iVBORw0KGgo",
    "a Git LFS pointer instead of the file itself": b"version https://git-lfs.github.com/spec/v1",
}


@pytest.mark.parametrize(("name", "data"), FILES.items(), ids=FILES.keys())
def test_another_file_is_named(name: str, data: bytes) -> None:
    with pytest.raises(NotAPicture, match="accepted format: JPEG, PNG") as refused:
        decode(data)
    assert str(refused.value).startswith(f"{name} is not a picture")


@pytest.mark.parametrize("data", [b"", b"hello", bytes(200), b"\n" * 2000])
def test_what_nobody_knows_has_no_name(data: bytes) -> None:
    with pytest.raises(NotAPicture) as refused:
        decode(data)
    assert str(refused.value).startswith("not a picture in an accepted format")
