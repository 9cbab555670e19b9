"""Errors: which of them concern one picture, and the codes that the service gives them."""

from __future__ import annotations

import logging

from model.answers.choosing import Unfamiliar
from model.formats.encode import CannotEncode
from model.pictures import (
    BrokenPicture,
    NoSuchChannel,
    NoSuchPage,
    NotAPicture,
    PagesDiffer,
    PictureTooLarge,
)
from model.results.result import UnsuitablePicture
from pipelines.outputs import UnusableName
from pipelines.pictures import CannotRead

LOG = logging.getLogger(__name__)

FAILED = "failed"
"""The code of an error that is nobody's fault but the program's or the machine's."""

_CODE_OF: dict[type[Exception], str] = {
    CannotRead: "fetch-failed",
    NotAPicture: "not-an-image",
    BrokenPicture: "broken-image",
    PictureTooLarge: "too-large",
    NoSuchPage: "bad-parameter",
    NoSuchChannel: "bad-parameter",
    PagesDiffer: "bad-parameter",
    CannotEncode: "bad-parameter",
    UnusableName: "bad-parameter",
    UnsuitablePicture: "unsuitable-image",
    Unfamiliar: "unsuitable-image",
}


def code_and_message(uri: str, error: Exception) -> tuple[str, str]:
    """The code for programs and the message for people; an unexpected error is also logged."""
    for kind, code in _CODE_OF.items():
        if isinstance(error, kind):
            return code, str(error)
    LOG.error("%s could not be segmented", uri, exc_info=error)
    return FAILED, f"{type(error).__name__}: {error}"
