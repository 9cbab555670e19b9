"""Other files: names common kinds of files that are not accepted pictures, by their first bytes."""

from __future__ import annotations

import re

_NAMES = {
    # images from cameras, microscopes and scanners
    b"\0\0\0\x0cjP  ": "a JPEG 2000 file",
    b"\xff\x4f\xff\x51": "a JPEG 2000 file",
    b"\0\0\0\x0cJXL ": "a JPEG XL file",
    b"\xff\x0a": "a JPEG XL file",
    b"II\xbc\1": "a JPEG XR file",
    b"8BPS": "a Photoshop file",
    b"ZISRAWFILE": "a CZI file",
    b"\xda\xce\xbe\x0a": "an ND2 file",
    b"\x70\0\0\0": "a LIF file",
    b"SIMPLE  =": "a FITS file",
    b"v/1\1": "an OpenEXR file",
    # data and documents
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"%PDF-": "a PDF",
    b"\xd0\xcf\x11\xe0": "a Microsoft Office file, or a microscope's file in the same container",
    b"version https://git-lfs": "a Git LFS pointer instead of the file itself",
    # compressed files and archives
    b"\x1f\x8b": "a file compressed with gzip",
    b"\x28\xb5\x2f\xfd": "a file compressed with zstd",
    b"BZh": "a file compressed with bzip2",
    b"\xfd7zXZ\0": "a file compressed with xz",
    b"PK\3\4": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
}
_TEXTS = {
    re.compile(rb"(?:<\?xml[^>]*>\s*)?<svg", re.IGNORECASE): "an SVG drawing",
    re.compile(rb"<!doctype html|<html", re.IGNORECASE): "a web page",
    re.compile(rb"<\?xml"): "XML",
    re.compile(rb"data:[^,]{0,60};base64,"): "a data: URL as text",
    re.compile(rb"iVBORw0KGgo|/9j/|R0lGOD|UklGR|SUkqA|TU0AK"): "base64 as text",
}
_ENOUGH_BYTES = 1000
_TEXT_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*")


def name_of(data: bytes) -> str | None:
    """Return the kind of a file, with an article, by its first bytes; None if it is unknown."""
    data = data[:_ENOUGH_BYTES]
    if data[128:132] == b"DICM":
        return "a DICOM file"
    if data[4:8] == b"ftyp":
        return "a video, or a photo in a video container"
    for signature, name in _NAMES.items():
        if data.startswith(signature):
            return name
    begins = _TEXT_BEGINS.match(data)
    at = begins.end() if begins else 0
    return next((name for text, name in _TEXTS.items() if text.match(data, at)), None)
