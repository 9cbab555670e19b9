"""Pictures of every accepted format, and mutants of them: a number always gives the same one."""

from __future__ import annotations

import functools
import io
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageCms
from pillow_heif import from_pillow

from tests.tiffs import tiff_of

SEED = 20_260

# Headers and directories lie here; a change of the pixels behind them seldom does anything.
_HEAD = 600

_EXTREMES = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


def heic_of(*images: Image.Image, **options: Any) -> bytes:
    """A HEIC file of one or several pictures."""
    file = io.BytesIO()
    first, *others = images
    heif = from_pillow(first)
    for other in others:
        heif.add_from_pillow(other)
    heif.save(file, save_all=True, **options)
    return file.getvalue()


def tiff_with(values: np.ndarray, photometric: str = "minisblack", **options: Any) -> bytes:
    """A TIFF as tifffile writes it."""
    file = io.BytesIO()
    tifffile.imwrite(file, values, photometric=photometric, metadata=None, **options)
    return file.getvalue()


@functools.cache
def pictures() -> dict[str, bytes]:
    """Sound pictures of some 48 x 32 pixels, by what they are."""
    rows, columns = np.mgrid[0:32, 0:48]
    pixels = np.stack([columns * 5, rows * 8, (rows * columns) % 256], axis=2).astype(np.uint8)
    pixels[8:16] ^= np.random.default_rng(SEED).integers(0, 64, (8, 48, 3), np.uint8)
    rgb = Image.fromarray(pixels)
    turned = Image.Exif()
    turned[274] = 6
    grey = rgb.convert("L")
    rgba = rgb.copy()
    rgba.putalpha(grey)
    frames = [Image.fromarray(np.roll(pixels, shift, axis=1)) for shift in (5, 10, 15)]
    deep = pixels.astype(np.uint16) * 16
    of_inks, grey_floats = np.dstack([pixels, pixels])[:, :, :4] * np.uint16(257), deep[:, :, 0].astype("f4")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace("sRGB".encode("utf-16-be"), "else".encode("utf-16-be"))

    def of(image: Image.Image, file_format: str, **options: Any) -> bytes:
        file = io.BytesIO()
        image.copy().save(file, file_format, **options)  # a picture remembers how it was saved last
        return file.getvalue()

    def animated(file_format: str, **options: Any) -> bytes:
        others = [frame.copy() for frame in frames]
        return of(rgb, file_format, save_all=True, append_images=others, **options)

    return {
        "jpeg": of(rgb, "JPEG", exif=turned),
        "jpeg, progressive": of(rgb, "JPEG", progressive=True, icc_profile=swapped),
        "jpeg, CMYK": of(rgb.convert("CMYK"), "JPEG"),
        "jpeg, several": animated("MPO"),
        "png": of(rgb, "PNG", exif=turned, icc_profile=swapped),
        "png, opacity": of(rgba, "PNG"),
        "png, palette": of(rgb.quantize(16), "PNG", transparency=3),
        "png, 16-bit grey": of(Image.fromarray(deep[:, :, 0]), "PNG"),
        "png, 16-bit colours": cv2.imencode(".png", deep)[1].tobytes(),
        "png, animated": animated("PNG"),
        "webp": of(rgb, "WEBP", exif=turned, icc_profile=swapped),
        "webp, lossless": of(rgba, "WEBP", lossless=True),
        "webp, animated": animated("WEBP"),
        "avif": of(rgb, "AVIF", exif=turned, speed=10),
        "avif, opacity": of(rgba, "AVIF", speed=10),
        "avif, animated": animated("AVIF", speed=10),
        "heic": heic_of(rgb, exif=turned.tobytes(), icc_profile=swapped),
        "heic, opacity": heic_of(rgba),
        "heic, several": heic_of(rgb, *frames),
        "tiff": of(rgb, "TIFF", exif=turned, icc_profile=swapped),
        "tiff, LZW": of(rgb, "TIFF", compression="tiff_lzw"),
        "tiff, deflate": of(rgba, "TIFF", compression="tiff_adobe_deflate"),
        "tiff, JPEG": of(rgb, "TIFF", compression="jpeg"),
        "tiff, bits": of(grey.convert("1"), "TIFF", compression="group4"),
        "tiff, float": of(Image.fromarray(deep[:, :, 0].astype(np.float32)), "TIFF"),
        "tiff, 16-bit colours": cv2.imencode(".tiff", deep)[1].tobytes(),
        "tiff, big": of(rgb, "TIFF", big_tiff=True),
        "tiff, pages": animated("TIFF"),
        "tiff, tiles": tiff_of(pixels, colour=True, tile=16, compression="deflate"),
        "tiff, planes": tiff_of(pixels, colour=True, planes=True, order=">", differences=True),
        "tiff, channels": tiff_of(np.dstack([deep, deep])[:, :, :5], compression="lzw"),
        "tiff, packed": tiff_of(deep[:, :, :1], bits=12, order=">"),
        "tiff, palette": of(rgb.quantize(16), "TIFF", compression="tiff_lzw"),
        "tiff, inks": tiff_with(of_inks, photometric="separated", compression="zstd", predictor=2),
        "tiff, floats": tiff_with(grey_floats, bigtiff=True, byteorder=">", compression="lzma", predictor=3),
        "tiff, JPEG in tiles": tiff_with(pixels, compression="jpeg", photometric="rgb", tile=(16, 16)),
        "tiff, JPEG of 12 bits": tiff_with(deep[:, :, 0], compression="jpeg", bitspersample=12),
        "tiff, JPEG 2000": tiff_with(deep, photometric="rgb", compression="jpeg2000", rowsperstrip=16),
        "tiff, JPEG XL": tiff_with(pixels, photometric="rgb", compression="jpegxl", tile=(16, 16)),
        "tiff, JPEG XR": tiff_with(pixels, photometric="rgb", compression="jpegxr"),
        "tiff, WebP": tiff_with(pixels, photometric="rgb", compression="webp", rowsperstrip=16),
        "tiff, PNG": tiff_with(deep, photometric="rgb", compression="png", rowsperstrip=16),
        "tiff, LERC": tiff_with(grey_floats, compression="lerc", rowsperstrip=16),
        "tiff, fax": of(grey.convert("1"), "TIFF", compression="group3"),
        "bmp": of(rgb, "BMP"),
        "bmp, palette": of(rgb.quantize(16), "BMP"),
        "gif": of(rgb, "GIF", transparency=3),
        "gif, animated": animated("GIF", disposal=2),
    }


def mutant(number: int) -> tuple[str, bytes]:
    """What a mutant was made of, and its bytes."""
    rng = np.random.default_rng((SEED, number))
    names = list(pictures())
    name = names[number % len(names)]
    data, done = changed(bytearray(pictures()[name]), rng)
    if name.startswith("png") and rng.random() < 0.7:
        data = _with_right_checksums(data)
    return f"{name}: {', '.join(done)}", bytes(data)


def changed(data: bytearray, rng: np.random.Generator) -> tuple[bytearray, list[str]]:
    """The data with one change or two, and what these are."""
    done = []
    for _ in range(rng.integers(1, 3)):
        change = _CHANGES[rng.integers(len(_CHANGES))]
        data = change(data, rng)
        done.append(change.__name__.strip("_"))
    return data, done


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """A position in the file; two in three in its head, if it has a longer body."""
    end = min(len(data), _HEAD) if rng.random() < 0.67 else len(data)
    return int(rng.integers(0, max(1, end)))


def _flip_bits(data: bytearray, rng: np.random.Generator) -> bytearray:
    for _ in range(rng.integers(1, 12) if data else 0):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _cut_end(data: bytearray, rng: np.random.Generator) -> bytearray:
    return data[: int(rng.integers(0, len(data) + 1))]


def _cut_out(data: bytearray, rng: np.random.Generator) -> bytearray:
    start = _place(data, rng)
    return data[:start] + data[start + int(rng.integers(1, 64)) :]


def _splice(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Go on as another picture, of the same or another format."""
    others = list(pictures().values())
    other = others[rng.integers(len(others))]
    return data[: _place(data, rng)] + other[int(rng.integers(0, len(other))) :]


def _put_extreme(data: bytearray, rng: np.random.Generator) -> bytearray:
    """An extreme number where a length, a size, a count or an offset may be."""
    for _ in range(rng.integers(1, 4)):
        place, width = _place(data, rng), int(rng.choice([1, 2, 4]))
        value = int(_EXTREMES[rng.integers(len(_EXTREMES))]) & ((1 << 8 * width) - 1)
        data[place : place + width] = value.to_bytes(width, "little" if rng.random() < 0.5 else "big")
    return data


def _swap(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Two stretches change places, as chunks in the wrong order."""
    first, second = sorted((_place(data, rng), _place(data, rng)))
    length = int(rng.integers(1, 80))
    first_end, second_end = min(first + length, second), second + length
    return (data[:first] + data[second:second_end] + data[first_end:second] + data[first:first_end]) + data[
        second_end:
    ]


def _repeat(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A stretch comes again and again."""
    start = _place(data, rng)
    stretch = data[start : start + int(rng.integers(1, 80))]
    return data[:start] + stretch * int(rng.integers(2, 200)) + data[start:]


_CHANGES: list[Callable[[bytearray, np.random.Generator], bytearray]] = [
    _flip_bits,
    _flip_bits,
    _put_extreme,
    _put_extreme,
    _cut_end,
    _cut_out,
    _splice,
    _swap,
    _repeat,
]


def _with_right_checksums(data: bytearray) -> bytearray:
    """A PNG whose chunks are believed, so that what is in them is looked at."""
    position = 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4])
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[position + 4 : end]).to_bytes(4)
        position = end + 4
    return data
