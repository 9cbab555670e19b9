"""Colours: converts decoded pixels of any mode, depth and profile to 8-bit RGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from model.pictures.blocks import native, row_blocks
from model.pictures.bulk import bulk_of
from model.pictures.limits import check_channel
from model.pictures.profiles import is_srgb, without_long_conversions


@dataclass(frozen=True)
class RawPixels:
    """Pixels as stored in a file, for kinds that Pillow has no mode for.

    Attributes:
        values: (H, W, C), whole numbers of any size or floats; C channels.
        colour: whether the first three channels are red, green and blue.
        alpha: the index of the opacity channel, if there is one.
        premultiplied: whether the colours are already multiplied by the opacity.
        inverted: whether low values are bright.
        profile: an ICC profile; it is used for colours only.
        shift: by how many bits the values of the file were shifted up to fill their type, as 12 bits in 16.
    """

    values: npt.NDArray[np.generic]
    colour: bool
    alpha: int | None = None
    premultiplied: bool = False
    inverted: bool = False
    profile: bytes | None = None
    shift: int = 0


def to_rgb(picture: Image.Image | RawPixels, channel: int | None = None) -> npt.NDArray[np.uint8]:
    """Return uint8 (height, width, 3) of a picture, by `image_to_rgb` or `raw_pixels_to_rgb`."""
    if isinstance(picture, RawPixels):
        return raw_pixels_to_rgb(picture, channel)
    return image_to_rgb(picture, channel)


def image_to_rgb(image: Image.Image, channel: int | None = None) -> npt.NDArray[np.uint8]:
    """Return uint8 (height, width, 3) of a loaded picture in any of Pillow's modes.

    Grey of more than 8 bits is stretched (`stretch`), a colour profile is converted to sRGB, and transparent
    pixels become white.

    Args:
        image: the picture; its EXIF orientation is ignored.
        channel: the channel to return as grey. Those of the picture as shown are red, green, blue and, if
            there is any, opacity; those of a CMYK picture are its inks.

    Raises:
        NoSuchChannel: the picture has fewer channels.
    """
    if _is_deep(image):
        return raw_pixels_to_rgb(*as_raw_pixels(image, channel))
    bands = _bands(image)
    if channel is not None:
        check_channel(len(bands), channel)
    to_srgb = _srgb_converter(image)
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    for rows in row_blocks(rgb.shape[:2]):
        block = image.crop((0, rows.start, image.width, min(rows.stop, image.height)))
        if channel is not None and bands[channel] in "ACMYK":
            block = block.convert("RGBA") if bands[channel] == "A" else block
            rgb[rows] = np.asarray(block.getchannel(bands[channel]))[:, :, np.newaxis]
            continue
        shown = _shown(block, to_srgb)
        rgb[rows] = shown if channel is None else shown[:, :, channel, np.newaxis]
    return rgb


def as_raw_pixels(picture: Image.Image | RawPixels, channel: int | None) -> tuple[RawPixels, int | None]:
    """Return the samples of a picture at full depth; pictures of 8 bits a channel, as they are shown.

    Also return the index of the requested channel in the samples; None if they consist of that channel only.
    """
    if isinstance(picture, RawPixels):
        return picture, channel
    if _is_deep(picture):
        return RawPixels(np.asarray(picture)[:, :, np.newaxis], colour=False), channel
    return RawPixels(image_to_rgb(picture, channel), colour=True), None


def own_values(picture: Image.Image | RawPixels, channel: int | None = None) -> npt.NDArray[Any]:
    """Return (H, W, C), the values of a picture as its file has them, in native byte order.

    Nothing is stretched, and no colour profile is applied. Palettes and YCbCr become RGB, and 1 to 7 bits
    fill 8. Opacity is left out. Half floats become float32.

    Args:
        picture: the picture; its EXIF orientation is ignored.
        channel: the only channel to return, as `to_rgb` numbers them; C is then 1.

    Raises:
        NoSuchChannel: the picture has fewer channels.
    """
    if isinstance(picture, RawPixels) or _is_deep(picture):
        pixels, _ = as_raw_pixels(picture, channel)
        return _own_values_of(pixels, channel)
    bands = _bands(picture)
    if channel is not None:
        check_channel(len(bands), channel)
        if bands[channel] == "A":
            return np.asarray(picture.convert("RGBA").getchannel("A"))[:, :, np.newaxis]
    mode = "".join(bands).removesuffix("A")
    values = np.asarray(picture if picture.mode == mode else picture.convert(mode))
    values = values.reshape(*values.shape[:2], len(mode))
    return values if channel is None else values[:, :, channel : channel + 1]


def _own_values_of(pixels: RawPixels, channel: int | None) -> npt.NDArray[Any]:
    values = native(pixels.values)
    if channel is not None:
        check_channel(values.shape[2], channel)
        values = values[:, :, channel : channel + 1]
    elif pixels.alpha is not None:
        values = np.delete(values, pixels.alpha, axis=2)
    if pixels.shift:
        values = values >> pixels.shift if values.dtype.kind in "iu" else values / (1 << pixels.shift)
    return values


def channel_count(picture: Image.Image | RawPixels) -> int:
    """Return how many channels `to_rgb` can choose from."""
    if isinstance(picture, RawPixels):
        return picture.values.shape[2]
    return 1 if _is_deep(picture) else len(_bands(picture))


def _is_deep(image: Image.Image) -> bool:
    """Whether the picture is grey of more than 8 bits."""
    return image.mode == "F" or image.mode.startswith("I")


def raw_pixels_to_rgb(pixels: RawPixels, channel: int | None = None) -> npt.NDArray[np.uint8]:
    """Return uint8 (height, width, 3) of `pixels`.

    Values of more than 8 bits are stretched over the common range of the channels shown, so that colours
    keep their hue. With a colour profile, they are scaled by the whole range of their type instead, because
    the profile defines what they mean. Channels that are not colours are shown as grey if there is only one;
    otherwise, the first two or three are shown as red, green and blue. Transparent pixels become white.

    Args:
        pixels: the pixels.
        channel: the channel to return as grey.

    Raises:
        NoSuchChannel: the picture has fewer channels.
    """
    values = pixels.values
    count = values.shape[2]
    if channel is not None:
        check_channel(count, channel)
        grey = stretch(values[:, :, channel])
        return np.repeat((255 - grey if pixels.inverted else grey)[:, :, np.newaxis], 3, axis=2)
    alpha = pixels.alpha
    shown = 3 if pixels.colour else min(3, count - (alpha is not None))
    by_depth = pixels.colour and pixels.profile is not None
    rgb = (_scale_by_depth if by_depth else stretch)(values[:, :, :shown])
    if pixels.inverted:
        np.subtract(255, rgb, out=rgb)
    if shown < 3:
        scaled, rgb = rgb, np.zeros((*values.shape[:2], 3), np.uint8)
        rgb[:, :, : 3 if shown == 1 else shown] = scaled
    if alpha is not None:
        for rows in row_blocks(values.shape[:2]):
            opacity = _scale_by_depth(values[rows, :, alpha]).astype(np.float32)[:, :, np.newaxis] / 255
            colours = rgb[rows] if pixels.premultiplied else rgb[rows] * opacity
            rgb[rows] = np.rint(np.minimum(colours + 255 * (1 - opacity), 255))
    if by_depth:
        image = Image.fromarray(rgb)
        image.info["icc_profile"] = pixels.profile
        return image_to_rgb(image)
    return rgb


def stretch(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Scale values in any range to uint8: the lowest becomes 0, the highest 255. uint8 is left unchanged.

    Hot and dead pixels, scale bars, writing and borders do not count as lowest or highest (`bulk_of`): they
    are clipped to 0 or 255. NaN becomes 0.

    Args:
        values: (H, W) or (H, W, C), whole numbers or floats; channels share one range.
    """
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    bulk = bulk_of(values if values.ndim == 3 else values[:, :, np.newaxis])
    if bulk is None or bulk.low == bulk.high:
        return np.zeros(values.shape, np.uint8)
    lowest, highest = bulk.low, bulk.high

    def scaled(block: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
        # float64, because float32 cannot represent every 32-bit value, and max - min can overflow it.
        exact = native(block).astype(np.float64)
        np.nan_to_num(exact, copy=False, nan=lowest, neginf=lowest, posinf=highest)
        np.clip(exact, lowest, highest, out=exact)
        # Halves, because the difference of two float64 values can overflow, too.
        return np.rint((exact / 2 - lowest / 2) / (highest / 2 - lowest / 2) * 255).astype(np.uint8)

    stretched = np.empty(values.shape, np.uint8)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:  # a lookup table is many times faster
        answers = scaled(np.arange(1 << 16))
        for rows in row_blocks(values.shape[:2]):
            stretched[rows] = answers[values[rows]]
        return stretched
    for rows in row_blocks(values.shape[:2]):
        stretched[rows] = scaled(values[rows])
    return stretched


def _scale_by_depth(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Scale values to uint8 by the whole range of their type, from black to white; floats by 0 to 1."""
    scaled = np.empty(values.shape, np.uint8)
    whole_range = np.iinfo(values.dtype.name).max if values.dtype.kind in "ui" else 1
    for rows in row_blocks(values.shape[:2]):
        block = np.nan_to_num(values[rows].astype(np.float64)) / whole_range
        scaled[rows] = np.rint(np.clip(block, 0, 1) * 255)
    return scaled


def _bands(image: Image.Image) -> tuple[str, ...]:
    """Return the letters of a picture's channels; for a palette, those of its colours."""
    if image.mode in ("1", "L", "LA", "La"):
        return ("L", "A") if image.has_transparency_data else ("L",)
    if image.mode == "CMYK":
        return image.getbands()
    return ("R", "G", "B", "A") if image.has_transparency_data else ("R", "G", "B")


def _shown(image: Image.Image, to_srgb: Callable[[Image.Image], Image.Image]) -> npt.NDArray[np.uint8]:
    """Return uint8 (height, width, 3) of a picture of 8 bits a channel."""
    image = to_srgb(_convertible(image))
    if image.mode == "RGBA":
        background = Image.new("RGB", image.size, "white")
        background.paste(image, mask=image.getchannel("A"))
        image = background
    return np.asarray(image.convert("RGB"))


def _convertible(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that a colour profile can apply to."""
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _srgb_converter(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return a function that converts parts of the picture from its colour profile to sRGB.

    Without a usable profile, it returns them unchanged.
    """

    def unchanged(part: Image.Image) -> Image.Image:
        return part

    profile_bytes = image.info.get("icc_profile")
    if not profile_bytes:
        return unchanged
    # One pixel is enough to learn the mode without converting the whole picture.
    mode = _convertible(image.crop((0, 0, 1, 1))).mode
    try:
        # Most photos are in sRGB already, and converting one of 12 megapixels to sRGB again takes long.
        if is_srgb(profile_bytes):
            return unchanged
        profile = ImageCms.ImageCmsProfile(io.BytesIO(without_long_conversions(profile_bytes)))
        transform = ImageCms.buildTransform(
            profile, ImageCms.createProfile("sRGB"), mode, "RGBA" if mode == "RGBA" else "RGB"
        )
    # The profile is broken or for other channels: like every other viewer, ignore it.
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, struct.error):
        return unchanged
    return lambda part: ImageCms.applyTransform(part, transform) or part
