"""Limits: what a picture may cost, and the errors that say why there is none."""

from __future__ import annotations

from dataclasses import dataclass

# How often as many pixels as a picture may have are gone over. An animation draws each frame over those
# before it, a phone's HEIC puts tiles together: 10 to 15 ns a pixel, so the default limits come to some 2 s.
_MOST_PARTS = 3

# A scan of a progressive JPEG, which has some ten, adds to the whole picture in 1 ns a pixel.
_MOST_SCANS = 20

# Pictures are worked on in blocks of whole rows, and each row costs something too: one of 1 x 50,000,000
# pixels, as PNG and TIFF can hold, takes far more time or memory than a square one.
_LONGEST_SIDE = 1_000_000

_SAVE_FEWER = ", since they are counted one by one: save those that you need as a file of their own"


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


class PagesDiffer(PictureError):
    """Pages of several sizes or kinds, of which no projection can be made."""


@dataclass(frozen=True)
class Limits:
    """What a picture may cost.

    Attributes:
        max_pixels: the most pixels (width x height) that are decoded. `memory_needed` says how much memory
            that takes, which depends on the format. In the result each pixel takes 3 bytes.
        max_frames: the most pages or frames that a file may have, whichever of them is wanted.
    """

    max_pixels: int = 50_000_000
    max_frames: int = 1000


DEFAULT_LIMITS = Limits()

# Bytes for each pixel at the peak of decoding: of a first page or only picture, and of a later frame, which
# is drawn over those before it. Measured with 50 megapixels of the kind of each format that takes most.
_BYTES_PER_PIXEL = {
    "JPEG": (12.1, 12.1),  # progressive CMYK; baseline 7.4, progressive colours 10.0
    "PNG": (18.7, 20.1),  # 16-bit colours with opacity; of 8 bits 7.4; a frame that is undone after it
    "WEBP": (16.1, 16.1),
    "AVIF": (17.4, 26.0),  # 12 bits with opacity; of 8 bits 9.6, with opacity 13.2
    "HEIF": (20.6, 20.6),  # 12 bits with opacity; of 8 bits 7.7 to 9.5
    "TIFF": (24.1, 24.1),  # JPEG 2000 of 16-bit colours with opacity in one piece; of 8 bits 6.1
    "BMP": (7.4, 7.4),
    "GIF": (4.4, 17.0),  # a frame that is undone after it
}
_FILE_COPIES = 5  # what a file is read from, with its directory rewritten, and what libraries keep of it
_BESIDE_PIXELS = 64 << 20  # bytes for blocks of rows in float64, tables, profiles and what libraries set up
_HEADROOM = 1.3


def memory_needed(file_format: str, pixels: int, file_bytes: int, *, page: int = 0) -> int:
    """Bytes of memory, more than enough, for decoding a picture, its result and the file included.

    Args:
        file_format: as `recognise` gives it.
        pixels: width x height; `Limits.max_pixels` where the header has not been read.
        file_bytes: length of the file.
        page: which page or frame is asked for.
    """
    per_pixel = _BYTES_PER_PIXEL[file_format][min(page, 1)]
    return memory_for(per_pixel * pixels, file_bytes)


def memory_for(peak_bytes: float, file_bytes: int) -> int:
    """As `memory_needed`, of a picture that takes so much at the peak of decoding."""
    return int(_HEADROOM * peak_bytes) + _FILE_COPIES * file_bytes + _BESIDE_PIXELS


def most_memory_needed(limits: Limits, file_bytes: int) -> int:
    """`memory_needed` of the picture within `limits`, in a file of this length, that takes most."""
    return max(
        memory_needed(file_format, limits.max_pixels, file_bytes, page=1) for file_format in _BYTES_PER_PIXEL
    )


def check_size(size: tuple[int, int], limits: Limits) -> None:
    """Raise PictureTooLarge unless (width, height) is within the limits."""
    width, height = size
    if max(size) > _LONGEST_SIDE:
        raise PictureTooLarge(
            f"the picture has {width:,} x {height:,} pixels; at most {_LONGEST_SIDE:,} are accepted on a side"
        )
    if width * height > limits.max_pixels:
        raise PictureTooLarge(
            f"the picture has {width * height:,} pixels ({width} x {height});"
            f" at most {limits.max_pixels:,} are accepted"
        )


def check_scans(scans: int, size: tuple[int, int], limits: Limits) -> None:
    """Raise PictureTooLarge when a JPEG goes over its (width, height) too often for its size."""
    if scans > 1 and scans * size[0] * size[1] > _MOST_SCANS * limits.max_pixels:
        raise PictureTooLarge(
            f"the picture of {size[0] * size[1]:,} pixels has {scans:,} scans, each of which goes over all of"
            f" it; at most {_MOST_SCANS * limits.max_pixels:,} pixels are gone over"
        )


def check_drawn(frames: int, size: tuple[int, int], limits: Limits) -> None:
    """Raise PictureTooLarge when `frames` of (width, height), drawn one over the other, take too long."""
    if frames > 1:
        check_work(frames * size[0] * size[1], limits)


def check_work(pixels: int, limits: Limits) -> None:
    """Raise PictureTooLarge when so many pixels are to be decoded for one picture that it takes too long."""
    if pixels > _MOST_PARTS * limits.max_pixels:
        raise PictureTooLarge(
            f"the picture is made of {pixels:,} pixels, in parts or in frames one over the other;"
            f" at most {_MOST_PARTS * limits.max_pixels:,} are decoded for one"
        )


def check_frame_count(count: int, most: int) -> None:
    """Raise TooManyFrames when a file of `count` pages or frames, or of no fewer, has more than `most`."""
    if count > most:
        raise too_many_frames(most)


def too_many_frames(most: int, advice: str = _SAVE_FEWER) -> TooManyFrames:
    """The error about a file of more than `most` pages or frames, which ends with what to do about it."""
    return TooManyFrames(f"the file has more than {most:,} pages or frames, the most accepted{advice}")


def check_frames(count: int, page: int, limits: Limits) -> None:
    """Raise unless a file of `count` pages or frames is within the limits and has one of number `page`.

    Raises:
        TooManyFrames: more than the limit.
        NoSuchPage: fewer than `page` + 1.
    """
    check_frame_count(count, limits.max_frames)
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
