"""Colours: decoded pixels of any mode, depth and profile become 8-bit RGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from model.pictures.blocks import native, row_blocks
from model.pictures.bulk import bulk_of
from model.pictures.limits import check_channel
from model.pictures.profiles import is_srgb, without_long_conversions


@dataclass(frozen=True)
class RawPixels:
    """Pixels as a file has them, where Pillow has no mode for them.

    Attributes:
        values: (H, W, C), whole numbers of any size or floats; C channels.
        colour: whether the first three channels are red, green and blue.
        alpha: the channel that is opacity, if one is.
        premultiplied: whether the colours are multiplied by it already.
        inverted: whether low values are bright.
        profile: an ICC profile; of colours only.
    """

    values: npt.NDArray[np.generic]
    colour: bool
    alpha: int | None = None
    premultiplied: bool = False
    inverted: bool = False
    profile: bytes | None = None


def to_rgb(picture: Image.Image | RawPixels, channel: int | None = None) -> npt.NDArray[np.uint8]:
    """uint8 (height, width, 3) of a picture: `image_to_rgb` or `raw_pixels_to_rgb`."""
    if isinstance(picture, RawPixels):
        return raw_pixels_to_rgb(picture, channel)
    return image_to_rgb(picture, channel)


def image_to_rgb(image: Image.Image, channel: int | None = None) -> npt.NDArray[np.uint8]:
    """uint8 (height, width, 3) of a loaded picture in any of Pillow's modes.

    Grey of more than 8 bits is stretched (`stretch`), a colour profile is converted to sRGB, transparency
    shows white.

    Args:
        image: the picture; its EXIF orientation is not looked at.
        channel: of what is shown, the one to give as grey: red, green or blue; after them, opacity. Of CMYK,
            an ink.

    Raises:
        NoSuchChannel: the picture has fewer.
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
    """The pixels of a picture at their full depth, or of 8 bits a channel, as they are shown.

    With them comes the number in them of the channel asked for; None where they are that channel already.
    """
    if isinstance(picture, RawPixels):
        return picture, channel
    if _is_deep(picture):
        return RawPixels(np.asarray(picture)[:, :, np.newaxis], colour=False), channel
    return RawPixels(image_to_rgb(picture, channel), colour=True), None


def channel_count(picture: Image.Image | RawPixels) -> int:
    """How many channels `to_rgb` can choose from."""
    if isinstance(picture, RawPixels):
        return picture.values.shape[2]
    return 1 if _is_deep(picture) else len(_bands(picture))


def _is_deep(image: Image.Image) -> bool:
    """Whether it is grey of more than 8 bits."""
    return image.mode == "F" or image.mode.startswith("I")


def raw_pixels_to_rgb(pixels: RawPixels, channel: int | None = None) -> npt.NDArray[np.uint8]:
    """uint8 (height, width, 3) of `pixels`.

    Values of more than 8 bits are stretched over the range of the channels shown together, so that colours
    keep their hue; with a colour profile, over all that their depth allows, since the profile says what they
    mean. Of channels that are no colours the first is shown if there is one, else the first three, as red,
    green and blue. Opacity shows white.

    Args:
        pixels: as the file has them.
        channel: the one to give as grey.

    Raises:
        NoSuchChannel: the picture has fewer.
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
    """uint8 of values in any range: the lowest becomes 0, the highest 255; 8 bits stay as they are.

    Hot and dead pixels, scale bars, writing and borders do not count as lowest or highest (`bulk_of`): they
    become 0 or 255 with what is next to them in the range. NaN becomes 0.

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
        # float64: float32 cannot tell large neighbours of 32-bit values apart, and max - min can overflow it.
        exact = native(block).astype(np.float64)
        np.nan_to_num(exact, copy=False, nan=lowest, neginf=lowest, posinf=highest)
        np.clip(exact, lowest, highest, out=exact)
        # Halves: the difference of two float64 can overflow, too.
        return np.rint((exact / 2 - lowest / 2) / (highest / 2 - lowest / 2) * 255).astype(np.uint8)

    stretched = np.empty(values.shape, np.uint8)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:  # each of few values once, many times faster
        answers = scaled(np.arange(1 << 16))
        for rows in row_blocks(values.shape[:2]):
            stretched[rows] = answers[values[rows]]
        return stretched
    for rows in row_blocks(values.shape[:2]):
        stretched[rows] = scaled(values[rows])
    return stretched


def _scale_by_depth(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """uint8 of values whose type's whole range means black to white; floats from 0 to 1."""
    scaled = np.empty(values.shape, np.uint8)
    whole_range = np.iinfo(values.dtype.name).max if values.dtype.kind in "ui" else 1
    for rows in row_blocks(values.shape[:2]):
        block = np.nan_to_num(values[rows].astype(np.float64)) / whole_range
        scaled[rows] = np.rint(np.clip(block, 0, 1) * 255)
    return scaled


def _bands(image: Image.Image) -> tuple[str, ...]:
    """The letters of the channels that a picture has, a palette looked up."""
    if image.mode in ("1", "L", "LA", "La"):
        return ("L", "A") if image.has_transparency_data else ("L",)
    if image.mode == "CMYK":
        return image.getbands()
    return ("R", "G", "B", "A") if image.has_transparency_data else ("R", "G", "B")


def _shown(image: Image.Image, to_srgb: Callable[[Image.Image], Image.Image]) -> npt.NDArray[np.uint8]:
    """uint8 (height, width, 3) of a picture of 8 bits a channel."""
    image = to_srgb(_convertible(image))
    if image.mode == "RGBA":
        background = Image.new("RGB", image.size, "white")
        background.paste(image, mask=image.getchannel("A"))
        image = background
    return np.asarray(image.convert("RGB"))


def _convertible(image: Image.Image) -> Image.Image:
    """The picture in a mode that a colour profile can be for."""
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _srgb_converter(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """What converts parts of the picture from its colour profile; leaves them if it has none that works."""

    def unchanged(part: Image.Image) -> Image.Image:
        return part

    profile_bytes = image.info.get("icc_profile")
    if not profile_bytes:
        return unchanged
    # Of one pixel: a mode is known without converting the picture.
    mode = _convertible(image.crop((0, 0, 1, 1))).mode
    try:
        # Most photos carry sRGB itself; converting a 12-megapixel one to what it already is takes long.
        if is_srgb(profile_bytes):
            return unchanged
        profile = ImageCms.ImageCmsProfile(io.BytesIO(without_long_conversions(profile_bytes)))
        transform = ImageCms.buildTransform(
            profile, ImageCms.createProfile("sRGB"), mode, "RGBA" if mode == "RGBA" else "RGB"
        )
    # A profile made for other channels, or broken: every other viewer shows the picture without it too.
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, struct.error):
        return unchanged
    return lambda part: ImageCms.applyTransform(part, transform) or part
