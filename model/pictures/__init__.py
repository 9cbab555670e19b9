"""Pictures: image files of every accepted kind become RGB arrays, within limits."""

from model.pictures.decoding import (
    Decode,
    Decoded,
    Enough,
    check_rgb,
    decode,
    decode_reduced,
    read,
    read_size,
    whole,
)
from model.pictures.limits import (
    BrokenPicture,
    Limits,
    NoSuchChannel,
    NoSuchPage,
    NotAPicture,
    PictureError,
    PictureTooLarge,
    TooManyFrames,
)

__all__ = [
    "BrokenPicture",
    "Decode",
    "Decoded",
    "Enough",
    "Limits",
    "NoSuchChannel",
    "NoSuchPage",
    "NotAPicture",
    "PictureError",
    "PictureTooLarge",
    "TooManyFrames",
    "check_rgb",
    "decode",
    "decode_reduced",
    "read",
    "read_size",
    "whole",
]
