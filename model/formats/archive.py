"""Archives: zip files with a file for each segment, named after its number and class."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable

from model.formats.encode import CannotEncode

# Even at 3 bytes per character, a file name stays under the 255 bytes that file systems allow.
_MAX_NAME_LENGTH = 60

# ImageJ measures a name in units of 16 bits, roifile in characters: above U+FFFF they disagree.
_NOT_IN_A_NAME = re.compile("[\\W\U00010000-\U0010ffff]+")

# The archive is built in memory. Objects that do not overlap add up to about the size of the picture, 100 MB
# at 50 megapixels; only hundreds of large overlapping objects reach this limit.
_MAX_ZIP_BYTES = 512 * 2**20

# The earliest date that a zip file can have. It is fixed, so that the same segments always give the same
# bytes.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)


def segment_name(number: int, class_name: str) -> str:
    """The name, safe in file names, of the segment with this number: "0001-nucleus" for 1.

    Characters other than letters, digits and underscores become hyphens; a name without any becomes "object".
    """
    safe = _NOT_IN_A_NAME.sub("-", class_name)[:_MAX_NAME_LENGTH].strip("-")
    return f"{number:04d}-{safe or 'object'}"


def to_zip(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip file of files, each a name and its content; an empty zip file if there are none.

    Args:
        files: consumed one by one, so that they need not be in memory together. They are not compressed: PNG
            files do not shrink further, and a thousand small files take longer to deflate than to create.

    Raises:
        CannotEncode: a zip file of more than 512 MiB.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name, _TIMESTAMP), content)
            if packed.tell() > _MAX_ZIP_BYTES:
                raise CannotEncode(
                    f"the zip file exceeds {_MAX_ZIP_BYTES // 2**20} MiB: request fewer segments"
                )
    return packed.getvalue()
