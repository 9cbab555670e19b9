"""Limits: what a picture may cost, and the errors that say why there is none."""

from __future__ import annotations

from dataclasses import dataclass

# How often as many pixels as a picture may have are gone over: a progressive JPEG adds to the whole picture
# some ten times, an animation composes each frame on those before it. 20 MB of file can ask for days of that.
_MOST_PASSES = 20


class PictureError(ValueError):
    """The bytes gave no picture; the message is fit for whoever sent them."""


class NotAPicture(PictureError):
    """Not an image, or an image in a format that is not accepted."""


class BrokenPicture(PictureError):
    """An image of an accepted format that cannot be decoded: truncated or corrupt."""


class PictureTooLarge(PictureError):
    """More pixels, by the header, than the limits allow, or more work to get at them."""


class TooManyFrames(PictureTooLarge):
    """More pages or frames than the limits allow."""


class NoSuchPage(PictureError):
    """A page or frame beyond the last."""


class NoSuchChannel(PictureError):
    """A channel beyond the last."""


@dataclass(frozen=True)
class Limits:
    """What a picture may cost.

    Attributes:
        max_pixels: the most pixels (width x height) that are decoded. While decoding, each takes up to 9
            bytes of memory in a JPEG, HEIC, BMP, GIF of one picture, or TIFF or PNG of 8 bits; up to 18 in a
            WebP, an AVIF, an animation, or with more bits: so the default is 0.9 GB, and beside it up to five
            copies of the file. Of the result each takes 3. A forged AVIF, whose pixels are more than its
            header says, is bounded by libavif alone: 16384 x 16384 pixels, 2 to 4 bytes each, or twice that
            of more than 8 bits.
        max_frames: the most pages or frames that a file may have, whichever of them is wanted.
    """

    max_pixels: int = 50_000_000
    max_frames: int = 1000


DEFAULT_LIMITS = Limits()


def check_size(size: tuple[int, int], limits: Limits) -> None:
    """Raise PictureTooLarge unless (width, height) is within the limits."""
    width, height = size
    if width * height > limits.max_pixels:
        raise PictureTooLarge(
            f"the picture has {width * height:,} pixels ({width} x {height});"
            f" at most {limits.max_pixels:,} are accepted"
        )


def check_passes(passes: int, size: tuple[int, int], limits: Limits) -> None:
    """Raise PictureTooLarge when going over a picture of (width, height) `passes` times takes too long."""
    if passes > 1:
        check_work(passes * size[0] * size[1], limits)


def check_work(pixels: int, limits: Limits) -> None:
    """Raise PictureTooLarge when so many pixels are to be decoded for one picture that it takes too long."""
    if pixels > _MOST_PASSES * limits.max_pixels:
        raise PictureTooLarge(
            f"the picture is made of {pixels:,} pixels, in parts or in layers one over the other;"
            f" at most {_MOST_PASSES * limits.max_pixels:,} are decoded for one"
        )


def check_frames(count: int, page: int, limits: Limits) -> None:
    """Raise unless a file of `count` pages or frames is within the limits and has one of number `page`.

    Raises:
        TooManyFrames: more than the limit.
        NoSuchPage: fewer than `page` + 1.
    """
    if count > limits.max_frames:
        raise TooManyFrames(
            f"the file has more than {limits.max_frames:,} pages or frames, the most accepted"
        )
    if not 0 <= page < count:
        there_are = "1 page: ask for page 0" if count == 1 else f"{count} pages: ask for 0 to {count - 1}"
        raise NoSuchPage(f"there is no page {page}; the file has {there_are}")


def check_channel(count: int, channel: int) -> None:
    """Raise NoSuchChannel unless a picture of `count` channels has one of number `channel`."""
    if not 0 <= channel < count:
        there_are = (
            "1 channel: ask for channel 0" if count == 1 else f"{count} channels: ask for 0 to {count - 1}"
        )
        raise NoSuchChannel(f"there is no channel {channel}; the picture has {there_are}")
