"""Pictures: decodes image files of every accepted format to RGB arrays, within limits."""

from model.pictures.decoding import (
    Decode,
    Decoded,
    check_rgb,
    decode,
    decode_reduced,
    read,
)
from model.pictures.limits import (
    BrokenPicture,
    Limits,
    NoSuchChannel,
    NoSuchPage,
    NotAPicture,
    PagesDiffer,
    PictureError,
    PictureTooLarge,
    TooManyFrames,
)
from model.pictures.origin import Origin
from model.pictures.projection import Projection
from model.pictures.sizes import Header, read_header, read_size
from model.pictures.turning import turned, turned_back
from model.pictures.wanted import Enough, whole

__all__ = [
    "BrokenPicture",
    "Decode",
    "Decoded",
    "Enough",
    "Header",
    "Limits",
    "NoSuchChannel",
    "NoSuchPage",
    "NotAPicture",
    "Origin",
    "PagesDiffer",
    "PictureError",
    "PictureTooLarge",
    "Projection",
    "TooManyFrames",
    "check_rgb",
    "decode",
    "decode_reduced",
    "read",
    "read_header",
    "read_size",
    "turned",
    "turned_back",
    "whole",
]
