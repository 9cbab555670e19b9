"""Settings: how large, how many and how long anything may be."""

from __future__ import annotations

from dataclasses import dataclass

from app.configuration.definition import LONGEST_TIMEOUT_SECONDS, setting
from app.configuration.kinds import seconds, whole_number
from model.results.result import MOST_SEGMENTS, USUAL_CEILING

_MEBIBYTE = 2**20


@dataclass(frozen=True)
class LimitSettings:
    """See `Settings`."""

    max_bytes: int = setting(
        str(20 * _MEBIBYTE),
        whole_number(1),
        "Largest image file, in bytes; a larger file is refused with 413. The default admits any camera's"
        " JPEG and most microscopes' TIFF.",
    )
    max_pixels: int = setting(
        "50000000",
        whole_number(1),
        "Largest picture, width times height in pixels, according to its header; a larger one is refused"
        " with 413.",
    )
    max_frames: int = setting(
        "1000",
        whole_number(1),
        "Most pages or frames in a file, since they have to be counted one by one; a file with more is"
        " refused with 413.",
    )
    max_batch: int = setting("16", whole_number(1), "Most images in one request; more are refused with 413.")
    max_batch_bytes: int = setting(
        str(64 * _MEBIBYTE),
        whole_number(1),
        "Largest request with several images, in bytes, since all of it is held in memory; a larger one is"
        " refused with 413.",
    )
    max_parts: int = setting(
        "64", whole_number(1), "Most parts in a form, files and fields together; more are refused with 413."
    )
    max_field_bytes: int = setting(
        str(256 * 1024),
        whole_number(128 * 1024),  # it also limits the parser's buffer, which grows by 64 KiB at once
        "Most bytes in all text fields of a form together; more are refused with 413.",
    )
    max_segments: int = setting(
        str(USUAL_CEILING),
        whole_number(1, MOST_SEGMENTS),
        "Most segments in one answer, whether the request or the model sets the limit: all of them and their"
        " masks are held in memory.",
    )
    max_json_depth: int = setting(
        "16",
        whole_number(1),
        "How deeply lists and objects in JSON may nest; deeper JSON is refused with 400. No request needs 8"
        " levels.",
    )
    max_header_bytes: int = setting(
        "32768",
        whole_number(4096, 65535),
        "Most bytes in the request line and headers together; more are refused with 431.",
    )

    queue: int = setting(
        "16",
        whole_number(0, 1000),
        "How many requests may wait behind the running one; the next one is refused with 503. Large pictures"
        " and requests with several images may take only some of these places.",
    )
    queue_timeout: float = setting(
        "60",
        seconds(LONGEST_TIMEOUT_SECONDS),
        "How long a request waits for its turn before it is refused with 503, in seconds.",
    )
    upload_timeout: float = setting(
        "60",
        seconds(LONGEST_TIMEOUT_SECONDS),
        "How long an upload may take before it is refused with 408, in seconds.",
    )
    request_timeout: float = setting(
        "120",
        seconds(240),
        "How long a request may take in total, in seconds. A request whose inference has not started by then"
        " is refused with 503.",
    )
