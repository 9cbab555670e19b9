"""Files made to cost time or memory, or to be taken for what they are not."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from model.pictures import (
    BrokenPicture,
    Limits,
    NotAPicture,
    PictureError,
    PictureTooLarge,
    decode,
    decode_reduced,
    whole,
)
from model.pictures.jpeg import jpeg_scans
from tests.mutants import heic_of, pictures
from tests.tiffs import tiff_of

# Pillow warns of corrupt metadata before it raises or goes on.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def file_of(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def zip_of(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "content")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xd8",  # two thirds of a signature
        b"<!doctype html><html><body>Not found</body></html>",  # what a broken link gives, as picture.png
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        zip_of("picture.jpg"),
        b"\0\0\0\x08ftyp",
        bytes(1000),
    ],
)
def test_what_only_has_a_pictures_name_is_no_picture(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        decode(data)


@pytest.mark.parametrize("name", pictures())
def test_nothing_behind_the_signature_is_a_broken_picture(name: str) -> None:
    data = pictures()[name]
    for length in (16, 24, 33, 60):
        with pytest.raises(PictureError):
            decode(data[:length])


FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "HEIC", "TIFF", "BMP", "GIF"]
SIZES = [(1, 1), (1, 300), (20_000, 100), (3, 20_000)]
# WebP holds no longer side, and the encoder of HEIC writes none so narrow.
NOT_WRITTEN = [("WEBP", (20_000, 100)), ("WEBP", (3, 20_000)), ("HEIC", (3, 20_000))]


@pytest.mark.parametrize(
    ("file_format", "size"),
    [case for case in itertools.product(FORMATS, SIZES) if case not in NOT_WRITTEN],
)
def test_the_smallest_and_the_longest_pictures_are_pictures(file_format: str, size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (10, 200, 30))
    options = {"speed": 10} if file_format == "AVIF" else {}
    data = heic_of(image) if file_format == "HEIC" else file_of(image, file_format, **options)

    decoded = decode(data)

    assert decoded.shape == (size[1], size[0], 3)
    assert np.abs(decoded.astype(int) - (10, 200, 30)).max() <= 6


def test_inks_of_adobe_are_stored_inverted_and_come_out_right() -> None:
    """Photoshop's CMYK JPEG: its marker says that 255 is no ink, and Pillow turns it round."""
    data = file_of(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)

    assert b"Adobe" in data
    assert np.abs(decode(data).astype(int) - (255, 0, 0)).max() <= 3
    assert np.abs(decode(data, channel=1).astype(int) - 255).max() <= 3


@pytest.mark.parametrize("size", [(2_000_000, 1), (1, 2_000_000)])
def test_a_side_of_millions_of_pixels_is_refused(size: tuple[int, int]) -> None:
    data = file_of(Image.new("L", size), "TIFF", compression="tiff_adobe_deflate")
    with pytest.raises(PictureTooLarge, match="on a side"):
        decode(data)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(*chunks: bytes, side: int = 1, depth: int = 8) -> bytes:
    """A PNG of colours whose pixels are missing, or are among the chunks."""
    header = struct.pack(">IIBBBBB", side, side, depth, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(chunks) + png_chunk(b"IEND", b"")


def much(size: int = 200 << 20) -> bytes:
    """Deflated zeros."""
    compressor = zlib.compressobj(9)
    return b"".join(compressor.compress(bytes(1 << 20)) for _ in range(size >> 20)) + compressor.flush()


def jpeg_of_size(width: int, height: int) -> bytes:
    data = file_of(Image.new("RGB", (8, 8)), "JPEG")
    return re.sub(rb"(\xff\xc0...)....", lambda m: m[1] + struct.pack(">HH", height, width), data, flags=re.S)


def webp_of_size(side: int) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = bytearray(file_of(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    data[24:30] = (side - 1).to_bytes(3, "little") * 2
    return bytes(data)


def with_ispe(data: bytes, side: int) -> bytes:
    return re.sub(
        b"ispe(....)........", lambda m: b"ispe" + m[1] + struct.pack(">II", side, side), data, flags=re.S
    )


def gif_frame_beyond(position: int) -> bytes:
    """A GIF whose frame of 60,000 x 60,000 is to be cleared after it: Pillow allocates it on opening."""
    frames = [Image.new("L", (4, 4), shade) for shade in (10, 200)]
    data = bytearray(file_of(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2))
    at = [match.start() for match in re.finditer(rb"\x2c\0\0\0\0\x04\0\x04\0", bytes(data))][position]
    data[at + 5 : at + 9] = struct.pack("<HH", 60_000, 60_000)
    return bytes(data)


def tiff_saying(changes: dict[int, int], **options: Any) -> bytes:
    """A TIFF of 64 x 64 pixels some of whose tags hold another number."""
    data = bytearray(tiff_of(np.ones((64, 64, 1), np.uint8), compression="deflate", **options))
    directory = int.from_bytes(data[4:8], "little")
    for at in range(directory + 2, directory + 2 + 12 * data[directory], 12):
        tag = int.from_bytes(data[at : at + 2], "little")
        if tag in changes:
            data[at + 8 : at + 12] = struct.pack("<I", changes[tag])
    return bytes(data)


def tiff_of_overlapping_tags() -> bytes:
    """Thousands of tags, each of which is the whole file."""
    count = 4000
    filler = bytes(20 << 20)
    entries = b"".join(struct.pack("<HHII", 40_000 + n, 7, len(filler), 8) for n in range(count))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, 1) for tag in (256, 257)) + entries
    body = b"II*\0" + struct.pack("<I", 8 + len(filler)) + filler
    return body + struct.pack("<H", count + 2) + entries + bytes(4)


def tiff_with_values(tag: int, kind: int) -> bytes:
    """A TIFF of 64 x 64 pixels that has millions of values in a tag."""
    data = tiff_of(np.ones((64, 64, 1), np.uint8), compression="deflate", extra=(0,))
    directory = int.from_bytes(data[4:8], "little")
    at = data.index(struct.pack("<HHI", 338, 4, 1), directory)
    filler = len(data) + len(data) % 2
    entry = struct.pack("<HHII", tag, kind, 5_000_000, filler)
    return (data[:at] + entry + data[at + 12 :]).ljust(filler, b"\0") + bytes(20 << 20)


def tiff_of_scans() -> bytes:
    """A TIFF of 1000 x 1000 pixels whose only strip is a JPEG with thousands of scans."""
    strip = jpeg_of_scans(5000, side=1000, mode="L")
    tags = {256: 1000, 257: 1000, 258: 8, 259: 7, 262: 1, 273: 8, 277: 1, 278: 1000, 279: len(strip)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    body = b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip
    return body + struct.pack("<H", len(tags)) + entries + bytes(4)


def exif_of_values(count: int) -> bytes:
    """EXIF whose resolution, and whose orientation, has so many values."""
    entries = struct.pack("<HHII", 274, 5, count, 50) + struct.pack("<HHII", 282, 5, count, 50)
    return b"II*\0" + struct.pack("<IH", 8, 2) + entries.ljust(40, b"\0") + b"\1" * (8 * count)


def jpeg_behind(filler: bytes) -> bytes:
    data = file_of(Image.new("RGB", (8, 8)), "JPEG")
    return data[:2] + filler + data[2:]


def gif_with(filler: bytes) -> bytes:
    data = file_of(Image.new("P", (8, 8)), "GIF")
    at = data.index(b"\x2c", 13)
    return data[:at] + filler + data[at:]


def bmp_of_runs(runs: bytes) -> bytes:
    """A BMP of 1,000 x 1,000 pixels."""
    header = struct.pack("<IiiHHIIiiII", 40, 1000, 1000, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + 1024) + header + bytes(range(256)) * 4 + runs


BOMBS = {
    "png, 50,000 squared": lambda: png_with(side=50_000),
    "png, profile": lambda: png_with(png_chunk(b"iCCP", b"p\0\0" + much()), png_chunk(b"IDAT", b"")),
    "png, text": lambda: png_with(png_chunk(b"zTXt", b"t\0\0" + much()), png_chunk(b"IDAT", b"")),
    "png, international text": lambda: png_with(
        png_chunk(b"iTXt", b"t\0\x01\0\0\0" + much()), png_chunk(b"IDAT", b"")
    ),
    "png, many texts": lambda: png_with(
        *[png_chunk(b"zTXt", b"t\0\0" + much(1 << 20))] * 3000, png_chunk(b"IDAT", b"")
    ),
    "png, more pixels than in the header": lambda: png_with(png_chunk(b"IDAT", much()), side=4),
    "png, deep, profile": lambda: png_with(
        png_chunk(b"iCCP", b"p\0\0" + much()), png_chunk(b"IDAT", much()), side=4, depth=16
    ),
    "jpeg, languages of a profile": lambda: file_of(
        Image.new("RGB", (8, 8)), "JPEG", icc_profile=profile_of_languages(40_000_000)
    ),
    "jpeg, 65,500 squared": lambda: jpeg_of_size(65_500, 65_500),
    "gif, first frame": lambda: gif_frame_beyond(0),
    "gif, second frame": lambda: gif_frame_beyond(1),
    "webp, 16,383 squared": lambda: webp_of_size(16_383),
    "avif, 30,000 squared": lambda: with_ispe(pictures()["avif"], 30_000),
    "heic, 30,000 squared": lambda: with_ispe(pictures()["heic"], 30_000),
    "bmp, 60,000 squared": lambda: (
        b"BM" + struct.pack("<IHHIIiiHHIIIIII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, *[0] * 6)
    ),
    "tiff, 60,000 squared": lambda: tiff_saying({256: 60_000, 257: 60_000}),
    "tiff, tiles": lambda: tiff_saying({322: 60_000, 323: 60_000}, tile=16),
    "tiff, bytes of a strip": lambda: tiff_saying({279: 0xFFFF_FFFF}),
    "tiff, deep, channels": lambda: tiff_saying({258: 16, 277: 65_535}),
    "tiff, rows of a strip": lambda: tiff_saying({278: 0xFFFF_FFFF}),
    "tiff, overlapping tags": tiff_of_overlapping_tags,
    "avif, 2,048 squared in 64 squared": lambda: with_ispe(
        file_of(Image.new("RGB", (2048, 2048)), "AVIF", speed=10), 64
    ),
    "jpeg, fill bytes": lambda: jpeg_behind(b"\xff" * (20 << 20)),
    "jpeg, escaped fill bytes": lambda: jpeg_behind(b"\xff\0" * (10 << 20)),
    "jpeg, segments": lambda: jpeg_behind(b"\xff\xe5\0\x02" * (5 << 20)),
    "jpeg, exif": lambda: jpeg_behind((b"\xff\xe1\xff\xff" + b"Exif\0\0".ljust(65_533, b"\1")) * 300),
    "jpeg, steps of a profile": lambda: file_of(
        Image.new("RGB", (8, 8)), "JPEG", icc_profile=profile_of_steps(30_000)
    ),
    "png, exif": lambda: png_with(
        png_chunk(b"eXIf", exif_of_values(2_500_000)), png_chunk(b"IDAT", zlib.compress(bytes(4)))
    ),
    "png, profiles": lambda: png_with(
        *[png_chunk(b"iCCP", b"p\0\0" + much(1 << 20))] * 3000, png_chunk(b"IDAT", b"")
    ),
    "png, exif as texts": lambda: png_with(
        *[png_chunk(b"zTXt", b"Raw profile type exif\0\0" + much(1 << 20))] * 3000, png_chunk(b"IDAT", b"")
    ),
    "webp, exif": lambda: file_of(Image.new("RGB", (8, 8)), "WEBP", exif=exif_of_values(2_500_000)),
    "gif, comment": lambda: gif_with(b"\x21\xfe" + (b"\xff" + bytes(255)) * 80_000 + b"\0"),
    "gif, rubbish": lambda: gif_with(b"\x01" * (20 << 20)),
    "bmp, run lengths": lambda: bmp_of_runs(b"\1\5\0\0" * 1000),
    "tiff, scans": tiff_of_scans,
    "tiff, profile": lambda: tiff_with_values(34675, 3),
    "tiff, exif": lambda: tiff_with_values(34665, 4),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_neither_memory_nor_time(name: str, tmp_path) -> None:
    """Measured in a process of its own: what it has at its peak, beyond the file and what it began with."""
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[name]())
    script = """
import sys, time
from pathlib import Path
import model.pictures
data = Path(sys.argv[1]).read_bytes()
def resident(which):
    return int(next(line for line in open("/proc/self/status") if line.startswith(which)).split()[1])
before, started, outcome = resident("VmHWM"), time.process_time(), "a picture"
try:
    model.pictures.decode(data, model.pictures.Limits(max_pixels=1_000_000))
except model.pictures.PictureError as error:
    outcome = type(error).__name__
print(outcome, (resident("VmHWM") - before) // 1024, time.process_time() - started)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    *_, outcome, mebibytes, seconds = ended.stdout.split()

    assert outcome.startswith(("PictureTooLarge", "BrokenPicture", "picture"))
    assert int(mebibytes) < 100
    assert float(seconds) < 5


def jpeg_of_scans(count: int, side: int = 64, mode: str = "RGB") -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = file_of(Image.new(mode, (side, side), "red"), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def test_the_scans_of_a_jpeg_are_counted_without_its_thumbnails() -> None:
    plain = file_of(Image.new("RGB", (64, 64)), "JPEG")
    exif = b"Exif\0\0" + plain  # a JPEG in a segment of another

    assert jpeg_scans(plain) == 1
    assert jpeg_scans(file_of(Image.new("RGB", (64, 64)), "JPEG", exif=exif)) == 1
    assert jpeg_scans(plain + b"\xff\xda" * 50) == 1  # what comes behind the end, such as a film
    assert jpeg_scans(jpeg_of_scans(500)) >= 500


def test_a_jpeg_of_many_scans_is_too_much_work_only_where_it_is_large() -> None:
    data = jpeg_of_scans(500)
    assert decode(data, Limits(max_pixels=200_000)).shape == (64, 64, 3)

    started = time.process_time()
    with pytest.raises(PictureTooLarge, match=r"4,096 pixels has 5\d\d scans"):
        decode(data, Limits(max_pixels=64 * 64))
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (10, 1), (991, 50)])
def test_a_jpeg_of_many_scans_counts_as_many_pages(count: int, pages: int) -> None:
    """Of 1,000 scans that show nothing new, a megapixel takes half a second."""
    told: list[int] = []
    decode_reduced(jpeg_of_scans(count), whole, before_pixels=lambda *how: told.append(how[2]))
    assert told == [pages]


def test_profiles_that_are_large_or_empty_do_not_cost_the_picture() -> None:
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    for profile in (b"\0" * 128, b"\xff" * 900_000, np.random.default_rng(0).bytes(60_000)):
        for file_format in ("PNG", "JPEG", "TIFF", "WEBP"):
            options = {"lossless": True} if file_format == "WEBP" else {}
            decoded = decode(file_of(image, file_format, icc_profile=profile, **options))
            assert np.abs(decoded.astype(int) - (10, 20, 30)).max() <= 2


def profile_of_languages(count: int) -> bytes:
    """A profile that claims to have its description in so many languages."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    at = profile.index(b"mluc") + 8
    return profile[:at] + struct.pack(">I", count) + profile[at + 4 :]


def profile_of_steps(count: int) -> bytes:
    """A profile whose conversion takes so many steps, each of which leaves colours as they are."""
    step = b"matf" + struct.pack(">IHH12f", 0, 3, 3, *(1, 0, 0, 0, 1, 0, 0, 0, 1), *(0, 0, 0))
    steps = b"mpet" + struct.pack(">IHHI", 0, 3, 3, count)
    steps += struct.pack(">II", 16 + 8 * count, len(step)) * count + step
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace("sRGB".encode("utf-16-be"), "else".encode("utf-16-be"))
    tags = [struct.unpack_from(">4sII", profile, 132 + 12 * n) for n in range(profile[131])]
    moved = [(name, start + 24, length) for name, start, length in tags]
    end = len(profile) + 24
    moved += [(name, end, len(steps)) for name in (b"D2B0", b"D2B1")]
    table = b"".join(struct.pack(">4sII", *tag) for tag in moved)
    body = profile[132 + 12 * len(tags) :] + steps
    size = struct.pack(">I", 132 + len(table) + len(body))
    head = size + profile[4:8] + b"\x04\x30\0\0" + profile[12:128]
    return head + struct.pack(">I", len(moved)) + table + body


def test_flipped_bits_of_a_deep_png_are_noticed() -> None:
    data = bytearray(cv2.imencode(".png", np.ones((40, 40, 3), np.uint16))[1].tobytes())
    data[data.index(b"IDAT") + 20] ^= 0x10

    with pytest.raises(BrokenPicture):
        decode(bytes(data))


def test_a_long_row_of_fill_bytes_is_gone_through_once() -> None:
    buffer = io.BytesIO()
    Image.effect_noise((64, 48), 80).save(buffer, "JPEG")
    jpeg = buffer.getvalue()
    hostile = jpeg[:-2] + b"\xff" * 1_000_000 + b"\0"
    start = time.process_time()
    with contextlib.suppress(PictureError):
        decode(hostile)
    assert time.process_time() - start < 5  # a search from each of them would take hours
