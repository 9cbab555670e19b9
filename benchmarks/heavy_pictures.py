"""Heavy pictures: the most pixels that are accepted, in all formats, and files that hide their cost."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image

from benchmarks.pictures import SAMPLE
from model import catalog
from model.pictures import read

SIDE = 7040
"""Pixels; 49.6 megapixels, a portrait of 128 x 128 enlarged 55 times."""
MOST_BYTES = 20 * 2**20
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@cache
def _portrait() -> npt.NDArray[np.uint8]:
    """A person at the largest size, in uniform areas, so that the file is small in any format."""
    with np.load(catalog.find("people").folder / "selftest.npz") as test:
        small = test["image"]
    return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)


def _saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def _picture(file_format: str, mode: str = "RGB", **options: Any) -> bytes:
    image = Image.fromarray(_portrait())
    if mode == "RGBA":
        image.putalpha(image.convert("L"))
    return _saved(image if mode == "RGBA" else image.convert(mode), file_format, **options)


def _deep(suffix: str, channels: int = 3) -> bytes:
    """A file with 16 bits per channel, which libtiff and libpng compress well, since rows repeat."""
    deep = _portrait().astype(np.uint16) * 256
    if channels == 4:
        deep = np.dstack([deep, deep[:, :, :1]])
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 8] if suffix == ".tiff" else []
    return cv2.imencode(suffix, deep, options)[1].tobytes()


def _heic(mode: str, bits: int) -> bytes:
    pixels = _portrait()
    if mode == "RGBA":
        pixels = np.dstack([pixels, pixels[:, :, 0]])
    if bits > 8:
        heif = pillow_heif.from_bytes(f"{mode};16", (SIDE, SIDE), (pixels.astype(np.uint16) * 256).tobytes())
    else:
        heif = pillow_heif.from_pillow(Image.fromarray(pixels))
    file = io.BytesIO()
    heif.save(file, quality=30, enc_params={"preset": "ultrafast"})
    return file.getvalue()


def _bmp() -> bytes:
    """A BMP with one bit per pixel: with more, the file would exceed the limit."""
    return _saved(Image.fromarray(_portrait()).convert("1"), "BMP")


FORMATS: dict[str, Callable[[], bytes]] = {
    "JPEG": partial(_picture, "JPEG"),
    "progressive JPEG": partial(_picture, "JPEG", progressive=True),
    "progressive CMYK JPEG": partial(_picture, "JPEG", "CMYK", progressive=True),
    "PNG": partial(_picture, "PNG", compress_level=3),
    "RGBA PNG": partial(_picture, "PNG", "RGBA", compress_level=3),
    "16-bit PNG": partial(_deep, ".png"),
    "16-bit RGBA PNG": partial(_deep, ".png", 4),
    "WebP": partial(_picture, "WEBP", method=0),
    "RGBA WebP": partial(_picture, "WEBP", "RGBA", method=0),
    "AVIF": partial(_picture, "AVIF", speed=10),
    "RGBA AVIF": partial(_picture, "AVIF", "RGBA", speed=10),
    "HEIC": partial(_heic, "RGB", 8),
    "12-bit RGBA HEIC": partial(_heic, "RGBA", 12),
    "TIFF": partial(_picture, "TIFF", compression="tiff_adobe_deflate"),
    "16-bit RGBA TIFF": partial(_deep, ".tiff", 4),
    "GIF": partial(_picture, "GIF", "P"),
    "BMP": _bmp,
}


@cache
def noisy(large_bytes: int = MOST_BYTES) -> bytes:
    """A JPEG of about `large_bytes`, whose pixels take far more bytes in a lossless format."""
    picture = cv2.add(_portrait(), np.random.default_rng(0).integers(0, 128, (SIDE, SIDE, 3), np.uint8))
    best = b""
    for quality in range(5, 100, 10):
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) > large_bytes:
            break
        best = data
    assert best, "no quality is low enough"
    return best


@cache
def nuclei() -> bytes:
    """A picture full of nuclei, of the largest size."""
    sample = read(SAMPLE)
    copies = -(-SIDE // sample.shape[0])
    tiled = np.ascontiguousarray(np.tile(sample, (copies, copies, 1))[:SIDE, :SIDE, ::-1])
    return cv2.imencode(".jpg", tiled, [cv2.IMWRITE_JPEG_QUALITY, 60])[1].tobytes()


@cache
def rubbish(length: int = MOST_BYTES) -> bytes:
    """The signature of a JPEG, followed by zeros."""
    return b"\xff\xd8\xff" + bytes(length - 3)


def _forged_avif() -> bytes:
    """An AVIF of 67 megapixels whose header says 64 x 64."""
    image = Image.new("RGB", (8192, 8192), (9, 200, 30))
    data = _saved(image, "AVIF", speed=10, quality=1)
    small = struct.pack(">II", 64, 64)
    return re.sub(rb"ispe(....).{8}", lambda match: b"ispe" + match[1] + small, data, flags=re.DOTALL)


def _animation(file_format: str, **options: Any) -> bytes:
    side = 2000
    frames = [Image.new("RGBA", (side, side), (index, 99, 3, 128)) for index in range(12)]
    return _saved(frames[0], file_format, save_all=True, append_images=frames[1:], **options)


def _gif_of_frames(count: int = 900) -> bytes:
    data = _saved(Image.new("P", (1000, 1000)), "GIF")
    start = data.index(b",", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    return data[:start] + data[start:-1] * count + b";"


def _tiff_of_values(count: int = 2_500_000) -> bytes:
    """A small picture with a tag that has `count` rational values."""
    data = bytearray(_saved(Image.new("L", (64, 64)), "TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    tags = data[directory + 2 : directory + 2 + 12 * entries]
    values_at = len(data) + 2 + 12 * (entries + 1) + 4
    struct.pack_into("<I", data, 4, len(data))
    added = struct.pack("<HHII", 65000, 5, count, values_at)
    return bytes(data) + struct.pack("<H", entries + 1) + tags + added + bytes(4) + bytes(8 * count)


def _interlaced_png() -> bytes:
    """A PNG of one colour with four channels of 16 bits, interlaced in seven passes."""
    rows = 0
    for left, top, across, down in _ADAM7:
        width, height = -(-(SIDE - left) // across), -(-(SIDE - top) // down)
        rows += height * (1 + 8 * width)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 6, 0, 0, 1)
    return _PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", _zeros(rows)) + _chunk(b"IEND", b"")


_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def _endless_png() -> bytes:
    """A small picture whose data has a gigabyte of pixels, far more than its size."""
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    return _PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", _zeros(10**9)) + _chunk(b"IEND", b"")


def _profile_png() -> bytes:
    """A small picture with a colour profile that unpacks to a gigabyte."""
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    return (
        _PNG_SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"iCCP", b"x\0\0" + _zeros(10**9))
        + _chunk(b"IDAT", _zeros(64 * 193))
        + _chunk(b"IEND", b"")
    )


def _zeros(length: int) -> bytes:
    """`length` zeros, compressed."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    whole, rest = divmod(length, len(block))
    return (
        b"".join([*(packer.compress(block) for _ in range(whole)), packer.compress(bytes(rest))])
        + packer.flush()
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _markers_jpeg() -> bytes:
    data = _saved(Image.new("RGB", (64, 64)), "JPEG")
    return data[:2] + b"\xff\xe5\0\x02" * (MOST_BYTES // 4 - 1000) + data[2:]


HOSTILE: dict[str, tuple[Callable[[], bytes], int]] = {
    "forged AVIF": (_forged_avif, 0),
    "animated WebP": (partial(_animation, "WEBP", method=0), 11),
    "animated PNG": (partial(_animation, "PNG"), 11),
    "GIF of 900 frames": (_gif_of_frames, 899),
    "TIFF of values": (_tiff_of_values, 0),
    "interlaced PNG": (_interlaced_png, 0),
    "endless PNG": (_endless_png, 0),
    "PNG with a profile": (_profile_png, 0),
    "JPEG of markers": (_markers_jpeg, 0),
    "cut-off PNG": (lambda: FORMATS["16-bit RGBA PNG"]()[:-1000], 0),
    "rubbish": (rubbish, 0),
}
"""Name → function that makes the file, and its most expensive page."""
