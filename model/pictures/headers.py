"""Headers: recognises the format of a file by its first bytes."""

from __future__ import annotations

from model.pictures.limits import NotAPicture
from model.pictures.other_files import name_of

ACCEPTED = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF"

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF, for files over 4 GiB
    b"MM\0+": "TIFF",
}

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
# Brands of the container only. The compatible brands that follow tell whether it contains AV1 or HEVC.
_CONTAINER_BRANDS = {b"mif1", b"msf1", b"mif2", b"miaf"}
_MOST_BRANDS = 32


def recognise(data: bytes) -> str:
    """Return Pillow's name of the format whose signature the bytes begin with; the first 160 are enough.

    Raises:
        NotAPicture: the bytes do not begin with the signature of an accepted format.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and (coded := _coded_as(data)):
        return coded
    for signature, file_format in _SIGNATURES.items():
        if data.startswith(signature):
            return file_format
    name = name_of(data)
    raise NotAPicture(f"{f'{name} is ' if name else ''}not a picture in an accepted format: {ACCEPTED}")


def is_picture(data: bytes) -> bool:
    """Whether the bytes begin with the signature of an accepted format."""
    try:
        recognise(data)
    except NotAPicture:
        return False
    return True


def _coded_as(data: bytes) -> str | None:
    """Return AVIF or HEIF, by the brands in the ftyp box; None for other content of that container."""
    length = min(int.from_bytes(data[:4]), 16 + 4 * _MOST_BRANDS)
    major = data[8:12]
    brands = {data[start : start + 4] for start in range(16, min(length, len(data)), 4)}
    if major not in _CONTAINER_BRANDS:
        brands = {major}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        return "HEIF"
    return None
