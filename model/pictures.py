"""Pictures: the bytes of an image file become an RGB array, or an error that says why not."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms

# Pillow's own limit warns, then raises, at sizes that have nothing to do with ours. `_check_size` looks at
# every header before a pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF, for files over 4 GiB
    b"MM\0+": "TIFF",
}

_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_SWAPPING_SIDES = (5, 6, 7, 8)

_TIFF_TILE_WIDTH = 322
_TIFF_TILE_LENGTH = 323


class PictureError(ValueError):
    """The bytes gave no picture; the message is fit for whoever sent them."""


class NotAPicture(PictureError):
    """Not an image, or an image in a format that is not accepted."""


class BrokenPicture(PictureError):
    """An image of an accepted format that cannot be decoded: truncated or corrupt."""


class PictureTooLarge(PictureError):
    """More pixels, by the header, than the limits allow."""


@dataclass(frozen=True)
class Limits:
    """What a picture may cost.

    Attributes:
        max_pixels: the most pixels (width x height) that are decoded; while decoding, each takes 4 bytes.
    """

    max_pixels: int = 50_000_000


DEFAULT_LIMITS = Limits()

_STRETCH_BLOCK = 1 << 20  # pixels

Enough = Callable[[tuple[int, int]], tuple[int, int]]
"""Of a picture's (width, height), the least to which it may be reduced."""


@dataclass(frozen=True)
class Decoded:
    """A picture, or a copy of it with fewer pixels.

    Attributes:
        image: uint8 (H, W, 3), RGB, upright, read-only.
        size: (width, height) of the whole picture, upright.
    """

    image: npt.NDArray[np.uint8]
    size: tuple[int, int]


def whole(size: tuple[int, int]) -> tuple[int, int]:
    """The `Enough` of who wants every pixel."""
    return size


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> npt.NDArray[np.uint8]:
    """The picture in an image file's bytes, upright and in sRGB.

    Accepts JPEG, PNG, WebP, TIFF, BMP and GIF, recognised by their first bytes, whatever the name says; of
    several frames or pages, the first. EXIF orientation is applied, a colour profile is converted to sRGB,
    transparency shows white. Grey of more than 8 bits (16-bit, 32-bit, float) is stretched so that its
    own darkest value becomes 0 and its brightest 255: microscopes use a small part of their range.

    Args:
        data: a whole image file.
        limits: what the picture may cost.

    Returns:
        uint8 (height, width, 3), RGB, read-only.

    Raises:
        NotAPicture: not an image, or a format that is not accepted.
        PictureTooLarge: more pixels than `limits` allows.
        BrokenPicture: truncated or corrupt.
    """
    return decode_reduced(data, whole, limits).image


def decode_reduced(data: bytes, enough: Enough, limits: Limits = DEFAULT_LIMITS) -> Decoded:
    """As `decode`, but a JPEG at 1/2, 1/4 or 1/8 of its size where that leaves enough pixels.

    libjpeg then computes no more than those, in a fraction of the time and memory.

    Args:
        data: a whole image file.
        enough: gives the least (width, height) that will do; asked for a JPEG only, after its header.
        limits: what the picture may cost; its whole size counts.

    Raises:
        PictureError: as `decode`.
    """
    file_format = _recognise(data)
    try:
        with Image.open(io.BytesIO(data), formats=[file_format]) as image:
            _check_size(image, limits)
            jpeg_size = _reduce(image, enough) if file_format == "JPEG" else None
            image.load()
            upright = _upright(image)
            return Decoded(_to_rgb(upright), jpeg_size or upright.size)
    except PictureError:
        raise
    # Hostile bytes make Pillow raise nearly anything: OSError, SyntaxError, struct.error, MemoryError, ...
    except Exception as error:
        raise BrokenPicture(
            f"the {file_format} picture is truncated or corrupt, or of a rare kind that is not accepted"
        ) from error


def check_rgb(image: npt.NDArray) -> None:
    """Raise ValueError unless `image` is uint8 (H, W, 3) with at least one pixel."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"an image is uint8 (H, W, 3), RGB, not {image.dtype} {image.shape}")
    if not image.size:
        raise ValueError(f"an image has pixels; this one has shape {image.shape}")


def read(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> npt.NDArray[np.uint8]:
    """The picture in the file at `path`; see `decode`. Raises OSError when the file cannot be read."""
    return decode(Path(path).read_bytes(), limits)


def read_size(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """(width, height) of the picture that `read` gives, from the header of the file.

    Raises:
        OSError: the file cannot be read.
        PictureError: as `decode`, as far as the header shows it.
    """
    with Path(path).open("rb") as file:
        file_format = _recognise(file.read(16))
        try:
            with Image.open(file, formats=[file_format]) as image:
                _check_size(image, limits)
                width, height = image.size
                # Pillow gives a TIFF's size turned already, and decodes a PNG to look for EXIF at its end.
                as_stored = file_format == "TIFF" or (file_format == "PNG" and "exif" not in image.info)
                turned = not as_stored and _orientation(image) in _SWAPPING_SIDES
        except PictureError:
            raise
        except Exception as error:  # as in `decode`
            raise BrokenPicture(f"the {file_format} picture's header is corrupt") from error
    return (height, width) if turned else (width, height)


def _recognise(data: bytes) -> str:
    """Pillow's name of the format whose signature the bytes carry."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    for signature, file_format in _SIGNATURES.items():
        if data.startswith(signature):
            return file_format
    raise NotAPicture("not a picture in an accepted format: JPEG, PNG, WebP, TIFF, BMP or GIF")


def _check_size(image: Image.Image, limits: Limits) -> None:
    """Raise PictureTooLarge unless the picture, and each tile of a tiled TIFF, is within the limits."""
    sizes = [image.size]
    tags = getattr(image, "tag_v2", {})
    if _TIFF_TILE_WIDTH in tags:
        # libtiff allocates a whole tile even for a picture of one pixel.
        sizes.append((int(tags[_TIFF_TILE_WIDTH]), int(tags[_TIFF_TILE_LENGTH])))
    for width, height in sizes:
        if width * height > limits.max_pixels:
            raise PictureTooLarge(
                f"the picture has {width * height:,} pixels ({width} x {height});"
                f" at most {limits.max_pixels:,} are accepted"
            )


def _reduce(image: Image.Image, enough: Enough) -> tuple[int, int]:
    """Have a JPEG, not decoded yet, decoded to no less than `enough`; (width, height) of the whole, upright.

    libjpeg rounds sides up that do not divide: what lies at the far edge then shifts, by less than one pixel
    of the reduced picture, so less than one of those that are enough.
    """
    turned = _orientation(image) in _SWAPPING_SIDES
    size = image.size[::-1] if turned else image.size
    least = enough(size)
    image.draft(None, least[::-1] if turned else least)
    return size


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation asks."""
    method = _ORIENTATIONS.get(_orientation(image))
    return image if method is None else image.transpose(method)


def _orientation(image: Image.Image) -> int:
    """EXIF's number for how the picture is to be turned, 1 for not at all; also if it cannot be read."""
    orientation = None
    # Cameras and editors write broken EXIF into sound pictures; `ImageOps.exif_transpose` fails on it.
    with contextlib.suppress(Exception):
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    return orientation if isinstance(orientation, int) else 1


def _to_rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    """uint8 (height, width, 3) of a picture in any of Pillow's modes."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _grey_to_rgb(_stretch(np.asarray(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    image = _to_srgb(image)
    if image.mode == "RGBA":
        background = Image.new("RGB", image.size, "white")
        background.paste(image, mask=image.getchannel("A"))
        image = background
    return np.asarray(image.convert("RGB"))


def _to_srgb(image: Image.Image) -> Image.Image:
    """The picture converted from its colour profile; unchanged without one or with a broken one."""
    profile_bytes = image.info.get("icc_profile")
    if not profile_bytes:
        return image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes))
        # Most photos carry sRGB itself; converting a 12-megapixel one to what it already is takes long.
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return image
        converted = ImageCms.profileToProfile(
            image,
            profile,
            ImageCms.createProfile("sRGB"),
            outputMode="RGBA" if image.mode == "RGBA" else "RGB",
        )
    # A profile made for other channels, or broken: every other viewer shows the picture without it too.
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if converted is None else converted


def _stretch(grey: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """uint8 (height, width) of grey values in any range: the lowest becomes 0, the highest 255, NaN 0.

    Some rows at a time: a small file can hold a large flat picture, and the copies in float64 add up.
    """
    rows = max(1, _STRETCH_BLOCK // max(1, grey.shape[1]))
    blocks = [slice(start, start + rows) for start in range(0, grey.shape[0], rows)]
    ranges = [(finite.min(), finite.max()) for block in blocks if (finite := _finite(grey[block])).size]
    stretched = np.zeros(grey.shape, np.uint8)
    if not ranges:
        return stretched
    lowest, highest = min(low for low, _ in ranges), max(high for _, high in ranges)
    if lowest == highest:
        return stretched
    for block in blocks:
        # float64: float32 cannot tell large neighbours of 32-bit values apart, and max - min can overflow it.
        values = grey[block].astype(np.float64)
        values = np.nan_to_num(values, copy=False, nan=lowest, neginf=lowest, posinf=highest)
        stretched[block] = np.rint((values - lowest) * 255 / (highest - lowest))
    return stretched


def _finite(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    values = values.astype(np.float64)
    return values[np.isfinite(values)]


def _grey_to_rgb(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
