"""TIFF files of any number of channels and any depth, which Pillow does not write."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image

_COMPRESSIONS = {"none": (1, "raw"), "lzw": (5, "tiff_lzw"), "deflate": (8, "tiff_adobe_deflate")}


def tiff_of(
    values: np.ndarray,
    *,
    colour: bool = False,
    inverted: bool = False,
    planes: bool = False,
    order: Literal["<", ">"] = "<",
    compression: str = "none",
    differences: bool = False,
    tile: int | None = None,
    extra: Sequence[int] = (),
    orientation: int = 1,
    profile: bytes = b"",
    bits: int | None = None,
) -> bytes:
    """One page of (height, width, channels) values, in strips of 10 rows or tiles; maybe of fewer `bits`."""
    values = values.astype(values.dtype.newbyteorder(order))
    height, width, channels = values.shape
    number, name = _COMPRESSIONS[compression]
    parts = [values[:, :, [channel]] for channel in range(channels)] if planes else [values]
    pieces = [
        _packed(piece if bits is None else _in_bits(piece, bits), name, differences)
        for part in parts
        for piece in (_tiles(part, tile) if tile else _strips(part))
    ]
    offsets = [int(end) for end in 8 + np.cumsum([0] + [len(piece) for piece in pieces])]
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags: dict[int, Sequence[int]] = {
        256: [width],
        257: [height],
        258: [bits or 8 * values.dtype.itemsize] * channels,
        259: [number],
        262: [2 if colour else int(not inverted)],
        274: [orientation],
        277: [channels],
        284: [2 if planes else 1],
        317: [2 if differences else 1],
        324 if tile else 273: offsets[:-1],
        325 if tile else 279: [len(piece) for piece in pieces],
        339: [kind] * channels,
    }
    tags |= {322: [tile], 323: [tile]} if tile else {278: [10]}
    tags |= {338: extra} if extra else {}
    tags |= {34675: list(profile)} if profile else {}
    magic = b"II*\0" if order == "<" else b"MM\0*"
    body = magic + struct.pack(order + "I", offsets[-1]) + b"".join(pieces)
    entries, behind = b"", b""
    behind_at = len(body) + 2 + 12 * len(tags) + 4
    for tag, numbers in sorted(tags.items()):
        code, size = {34675: ("B", 7)}.get(tag, ("I", 4))
        packed = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
        if len(packed) > 4:
            packed, behind = struct.pack(order + "I", behind_at + len(behind)), behind + packed
        entries += struct.pack(order + "HHI", tag, size, len(numbers)) + packed.ljust(4, b"\0")
    return body + struct.pack(order + "H", len(tags)) + entries + bytes(4) + behind


def _strips(part: np.ndarray) -> list[np.ndarray]:
    return [part[start : start + 10] for start in range(0, len(part), 10)]


def _tiles(part: np.ndarray, side: int) -> list[np.ndarray]:
    height, width, _ = part.shape
    padded = np.pad(part, ((0, -height % side), (0, -width % side), (0, 0)))
    return [
        padded[top : top + side, left : left + side]
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]


def _in_bits(piece: np.ndarray, bits: int) -> np.ndarray:
    """The bytes of whole numbers of so few bits, the highest first, each row to its last byte."""
    shifts = np.arange(bits - 1, -1, -1, dtype=piece.dtype)
    of_bits = piece.reshape(len(piece), -1)[:, :, np.newaxis] >> shifts & piece.dtype.type(1)
    return np.packbits(of_bits.reshape(len(piece), -1).astype(np.uint8), axis=1)


def _packed(piece: np.ndarray, compression: str, differences: bool) -> bytes:
    """The bytes of a strip or tile, compressed by Pillow as if they were grey."""
    if differences:
        native = piece.astype(piece.dtype.newbyteorder("=")).view(f"u{piece.dtype.itemsize}")
        stepped = native.copy()
        stepped[:, 1:] -= native[:, :-1]
        piece = stepped.astype(stepped.dtype.newbyteorder(piece.dtype.byteorder))
    rows = np.ascontiguousarray(piece).view(np.uint8).reshape(piece.shape[0], -1)
    file = io.BytesIO()
    Image.fromarray(rows).save(file, "TIFF", compression=compression, strip_size=1 << 30)
    with Image.open(file) as image:
        (start,), (length,) = image.tag_v2[273], image.tag_v2[279]
    return file.getvalue()[start : start + length]
