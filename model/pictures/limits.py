"""Limits: limits on pictures, the checks that hold them, and the errors that say why a picture is refused."""

from __future__ import annotations

from dataclasses import dataclass

# The most pixels decoded for one picture, as a multiple of `max_pixels`. An animation draws each frame over
# those before it, and a phone's HEIC joins tiles. At 10 to 15 ns a pixel, the default limits come to about
# 2 s.
_MOST_PARTS = 3

# A progressive JPEG has about ten scans. Each refines the whole picture, in 1 ns a pixel.
_MOST_SCANS = 20

# Pictures are processed in blocks of whole rows, and each row adds some time: a picture of 1 x 50,000,000
# pixels, which PNG and TIFF allow, takes far more time or memory than a square one.
_LONGEST_SIDE = 1_000_000

_SAVE_FEWER = ", because they are counted one by one: save those that you need as a separate file"


class PictureError(ValueError):
    """The data cannot be decoded; the message can be shown to the sender."""


class NotAPicture(PictureError):
    """The data is not an image, or an image in a format that is not accepted."""


class BrokenPicture(PictureError):
    """An image of an accepted format that cannot be decoded: truncated or corrupt."""


class PictureTooLarge(PictureError):
    """By its header, the picture has more pixels or takes more work to decode than the limits allow."""


class TooManyFrames(PictureTooLarge):
    """The file has more pages or frames than the limits allow."""


class NoSuchPage(PictureError):
    """The file has no page or frame with the requested number."""


class NoSuchChannel(PictureError):
    """The picture has no channel with the requested number."""


class PagesDiffer(PictureError):
    """The pages differ in size or kind, so that they cannot be projected."""


@dataclass(frozen=True)
class Limits:
    """Limits on a picture's size and number of pages.

    Attributes:
        max_pixels: the most pixels (width x height) that are decoded. `memory_needed` says how much memory
            that takes, which depends on the format. In the result, each pixel takes 3 bytes.
        max_frames: the most pages or frames that a file may have, even if only one of them is decoded.
    """

    max_pixels: int = 50_000_000
    max_frames: int = 1000


DEFAULT_LIMITS = Limits()

# Bytes a pixel at the peak of decoding, for the first or only picture of a file, and for a later frame, which
# is drawn over those before it. Measured at 50 megapixels, with the kind of each format that takes the most.
_BYTES_PER_PIXEL = {
    "JPEG": (12.1, 12.1),  # progressive CMYK; baseline 7.4, progressive colours 10.0
    "PNG": (18.7, 20.1),  # 16-bit colours with opacity; of 8 bits 7.4; a frame that is disposed of after it
    "WEBP": (16.1, 16.1),
    "AVIF": (17.4, 26.0),  # 12 bits with opacity; of 8 bits 9.6, with opacity 13.2
    "HEIF": (20.6, 20.6),  # 12 bits with opacity; of 8 bits 7.7 to 9.5
    "TIFF": (24.1, 24.1),  # JPEG 2000 of 16-bit colours with opacity in one piece; of 8 bits 6.1
    "BMP": (7.4, 7.4),
    "GIF": (4.4, 17.0),  # a frame that is disposed of after it
}
_FILE_COPIES = 5  # the file itself, with its directory rewritten, and copies that libraries keep
_BESIDE_PIXELS = 64 << 20  # bytes for blocks of rows in float64, tables, profiles and libraries' own data
_HEADROOM = 1.3


def memory_needed(file_format: str, pixels: int, file_bytes: int, *, page: int = 0) -> int:
    """Return an upper bound of the bytes of memory for decoding a picture, including the file and the result.

    Args:
        file_format: as `recognise` returns it.
        pixels: width x height; `Limits.max_pixels` if the header has not been read.
        file_bytes: length of the file.
        page: the requested page or frame.
    """
    per_pixel = _BYTES_PER_PIXEL[file_format][min(page, 1)]
    return memory_for(per_pixel * pixels, file_bytes)


def memory_for(peak_bytes: float, file_bytes: int) -> int:
    """Return the same as `memory_needed`, for a picture that takes `peak_bytes` at the peak of decoding."""
    return int(_HEADROOM * peak_bytes) + _FILE_COPIES * file_bytes + _BESIDE_PIXELS


def most_memory_needed(limits: Limits, file_bytes: int) -> int:
    """Return the most that `memory_needed` returns for a picture within `limits` in a file of this length."""
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
    """Raise PictureTooLarge if a JPEG of (width, height) has too many scans for its size."""
    if scans > 1 and scans * size[0] * size[1] > _MOST_SCANS * limits.max_pixels:
        raise PictureTooLarge(
            f"the picture of {size[0] * size[1]:,} pixels has {scans:,} scans, each of which processes all"
            f" pixels; at most {_MOST_SCANS * limits.max_pixels:,} pixels are processed in all"
        )


def check_drawn(frames: int, size: tuple[int, int], limits: Limits) -> None:
    """Raise PictureTooLarge if `frames` of (width, height), drawn one over the other, take too long."""
    if frames > 1:
        check_work(frames * size[0] * size[1], limits)


def check_work(pixels: int, limits: Limits) -> None:
    """Raise PictureTooLarge if decoding `pixels` pixels for one picture takes too long."""
    if pixels > _MOST_PARTS * limits.max_pixels:
        raise PictureTooLarge(
            f"the picture consists of {pixels:,} pixels in all its tiles, pages or frames;"
            f" at most {_MOST_PARTS * limits.max_pixels:,} are decoded for one picture"
        )


def check_frame_count(count: int, most: int) -> None:
    """Raise TooManyFrames if a file has more than `most` pages or frames, of which `count` are known."""
    if count > most:
        raise too_many_frames(most)


def too_many_frames(most: int, advice: str = _SAVE_FEWER) -> TooManyFrames:
    """Return the error for a file of more than `most` pages or frames; its message ends with `advice`."""
    return TooManyFrames(f"the file has more than {most:,} pages or frames, the maximum{advice}")


def check_frames(count: int, page: int, limits: Limits) -> None:
    """Raise unless a file of `count` pages or frames is within the limits and has one with number `page`.

    Raises:
        TooManyFrames: there are more than the limits allow.
        NoSuchPage: there are fewer than `page` + 1.
    """
    check_frame_count(count, limits.max_frames)
    if not 0 <= page < count:
        there_are = "1 page: ask for page 0" if count == 1 else f"{count} pages: ask for 0 to {count - 1}"
        raise NoSuchPage(f"there is no page {page}; the file has {there_are}")


def check_channel(count: int, channel: int) -> None:
    """Raise NoSuchChannel unless a picture of `count` channels has one with number `channel`."""
    if not 0 <= channel < count:
        there_are = (
            "1 channel: ask for channel 0" if count == 1 else f"{count} channels: ask for 0 to {count - 1}"
        )
        raise NoSuchChannel(f"there is no channel {channel}; the picture has {there_are}")
