"""Every kind of TIFF that people's programs write gives the pixels that were written."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from model.pictures import BrokenPicture, NotAPicture, decode
from model.pictures.colours import RawPixels, raw_pixels_to_rgb
from tests.tiffs import tiff_of

RNG = np.random.default_rng(15)
HEIGHT, WIDTH = 40, 30

OF_BYTES = ["none", "lzw", "deflate", "packbits", "zstd", "lzma"]
WITH_PREDICTOR = ["lzw", "deflate", "zstd", "lzma"]
WHOLE = ["u1", "i1", "u2", "i2", "u4", "i4"]
FLOATS = ["f2", "f4", "f8"]
CHANNELS = {"grey": 1, "rgb": 3, "rgba": 4}


def written(values: npt.NDArray[Any], **options: Any) -> bytes:
    """The file that tifffile writes."""
    file = io.BytesIO()
    if options.get("compression") == "none":
        options.pop("compression")
    if options.get("compression") == "lzma":
        options["compressionargs"] = {"level": 0}  # the others first clear 100 MB, for each strip
    tifffile.imwrite(file, values, metadata=None, **options)
    return file.getvalue()


def noise(dtype: str, channels: int) -> npt.NDArray[Any]:
    """(HEIGHT, WIDTH, channels) of random values over a part of the range, with opacity that is full."""
    values = RNG.normal(60, 18, (HEIGHT, WIDTH, channels))
    if dtype[0] in "ui" and dtype[1] != "1":
        values *= 150 * 2.0 ** (8 * (int(dtype[1]) - 2))
    values = values.clip(0, 127 if dtype == "i1" else None).astype(dtype)
    if channels == 4:
        values[:, :, 3] = 1 if dtype[0] == "f" else np.iinfo(dtype).max
    return values


def shown(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """What the service makes of such values, however they are stored."""
    return raw_pixels_to_rgb(RawPixels(values[:, :, :3], colour=values.shape[2] >= 3))


def stored_in_every_way(values: npt.NDArray[Any], **options: Any) -> Iterator[tuple[str, bytes]]:
    """Each file, with what tells it from the others."""
    photometric = "rgb" if values.shape[2] >= 3 else "minisblack"
    extra = {"extrasamples": ["unassalpha"]} if values.shape[2] == 4 else {}
    for order, big, tiles, planes in itertools.product("<>", (False, True), (False, True), (False, True)):
        stored = np.moveaxis(values, 2, 0) if planes else values
        if values.shape[2] == 1:
            stored = values[:, :, 0]
        way = {"planarconfig": "separate" if planes else "contig"} if values.shape[2] > 1 else {}
        way |= {"tile": (16, 32)} if tiles else {"rowsperstrip": 7}
        data = written(
            stored, byteorder=order, bigtiff=big, photometric=photometric, **extra, **way, **options
        )
        yield f"{order}, {'Big' if big else 'classic'}, {way}", data


@pytest.mark.parametrize("compression", OF_BYTES)
@pytest.mark.parametrize("colours", CHANNELS)
@pytest.mark.parametrize("dtype", WHOLE + FLOATS)
def test_values_compressed_as_bytes_come_back(dtype: str, colours: str, compression: str) -> None:
    values = noise(dtype, CHANNELS[colours])
    for way, data in stored_in_every_way(values, compression=compression):
        np.testing.assert_array_equal(decode(data), shown(values), way)


@pytest.mark.parametrize("compression", WITH_PREDICTOR)
@pytest.mark.parametrize("colours", CHANNELS)
@pytest.mark.parametrize(
    ("dtype", "predictor"), [*((dtype, 2) for dtype in WHOLE), *((dtype, 3) for dtype in FLOATS)]
)
def test_differences_are_added_up(dtype: str, predictor: int, colours: str, compression: str) -> None:
    values = noise(dtype, CHANNELS[colours])
    for way, data in stored_in_every_way(values, compression=compression, predictor=predictor):
        np.testing.assert_array_equal(decode(data), shown(values), way)


@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [*FLOATS, "u8", "i8"])
def test_differences_are_those_of_words_in_floats_too(
    dtype: str, channels: int, order: Any, tile: int | None
) -> None:
    """As libvips and GDAL write them."""
    values = noise(dtype, channels)
    data = tiff_of(
        values, colour=channels == 3, order=order, compression="deflate", differences=True, tile=tile
    )
    np.testing.assert_array_equal(decode(data), shown(values))


@pytest.mark.parametrize("colours", ["grey", "inverted", "rgb"])
@pytest.mark.parametrize("compression", ["none", "lzw", "deflate"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14, 20])
def test_packed_bits_are_unpacked(bits: int, order: Any, compression: str, colours: str) -> None:
    whole_type = next(f"u{count}" for count in (1, 2, 4) if bits <= 8 * count)
    channels = 3 if colours == "rgb" else 1
    values = RNG.integers(0, 2**bits, (HEIGHT, 31, channels)).astype(whole_type)
    kind = {"colour": colours == "rgb", "inverted": colours == "inverted"}
    data = tiff_of(values, bits=bits, order=order, compression=compression, **kind)
    if bits < 8:
        values = (values.astype(int) * 255 // (2**bits - 1)).astype(np.uint8)
    expected = shown(values)
    np.testing.assert_array_equal(decode(data), 255 - expected if colours == "inverted" else expected)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("compression", ["none", "packbits", "lzw", "deflate", "zstd"])
def test_single_bits_are_black_and_white(compression: str, inverted: bool) -> None:
    values = RNG.random((HEIGHT, 31)) < 0.3
    photometric = "miniswhite" if inverted else "minisblack"
    data = written(values, compression=compression, photometric=photometric)
    expected = np.where(values ^ inverted, 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(decode(data), np.repeat(expected[:, :, np.newaxis], 3, axis=2))


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4", "packbits", "tiff_lzw", "raw"])
def test_a_fax_is_read(compression: str) -> None:
    values = np.kron(RNG.random((10, 8)) < 0.3, np.ones((4, 4), bool))
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF", compression=compression)
    expected = np.where(values, 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(decode(file.getvalue())[:, :, 0], expected)


CODECS = [
    *itertools.product(["jpeg2000", "png", "jpegxl"], ["u1", "u2"], ["grey", "rgb", "rgba"]),
    *itertools.product(["lerc"], ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"], ["grey", "rgb"]),
    *itertools.product(["jpegxr"], ["u1", "u2"], ["grey", "rgb"]),
    *itertools.product(["webp"], ["u1"], ["rgb", "rgba"]),
]
EXACTLY = {
    "jpeg2000": {"reversible": True},
    "jpegxl": {"lossless": True},
    "jpegxr": {"level": 1.0},
    "webp": {"lossless": True},
}


@pytest.mark.parametrize(("codec", "dtype", "colours"), CODECS)
def test_pictures_of_other_formats_inside_are_read(codec: str, dtype: str, colours: str) -> None:
    values = noise(dtype, CHANNELS[colours])
    for tiles in (False, True):
        data = written(
            values if values.shape[2] > 1 else values[:, :, 0],
            photometric="rgb" if values.shape[2] >= 3 else "minisblack",
            compression=codec,
            compressionargs=EXACTLY.get(codec, {}),
            **({"extrasamples": ["unassalpha"]} if values.shape[2] == 4 else {}),
            **({"tile": (16, 32)} if tiles else {"rowsperstrip": 8}),
        )
        np.testing.assert_array_equal(decode(data), shown(values), f"tiles: {tiles}")


JPEGS = {
    "YCbCr": {"photometric": "rgb", "subsampling": (1, 1)},
    "YCbCr, subsampled": {"photometric": "rgb", "subsampling": (2, 2)},
    "RGB": {"photometric": "rgb", "compressionargs": {"outcolorspace": "rgb"}},
    "planes": {"photometric": "rgb", "planarconfig": "separate"},
}


@pytest.mark.parametrize("tiles", [False, True])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_inside_shows_its_colours(kind: str, tiles: bool) -> None:
    values = np.zeros((HEIGHT, 32, 3), np.uint8)
    values[:, :16], values[:, 16:] = (250, 40, 10), (20, 60, 240)
    data = written(
        np.ascontiguousarray(np.moveaxis(values, 2, 0)) if kind == "planes" else values,
        compression="jpeg",
        **JPEGS[kind],
        **({"tile": (16, 16)} if tiles else {"rowsperstrip": 16}),
    )
    assert np.median(np.abs(decode(data).astype(int) - values)) <= 2  # colours run at the seams


def test_a_grey_jpeg_of_12_bits_inside_keeps_them() -> None:
    values = np.linspace(1000, 1200, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    data = written(values, photometric="minisblack", compression="jpeg", bitspersample=12)
    assert len(np.unique(decode(data))) > 100


@pytest.mark.parametrize("compression", [None, "jpeg", "tiff_lzw"])
def test_ycbcr_is_read_whatever_it_is_compressed_with(compression: str | None) -> None:
    image = Image.new("YCbCr", (WIDTH, HEIGHT), (120, 90, 200))
    file = io.BytesIO()
    image.save(file, "TIFF", compression=compression)
    expected = np.array(image.convert("RGB"))
    assert np.abs(decode(file.getvalue()).astype(int) - expected).max() < 6


def test_lab_is_read() -> None:
    file = io.BytesIO()
    Image.merge("LAB", [Image.new("L", (8, 8), value) for value in (140, 200, 60)]).save(file, "TIFF")
    assert decode(file.getvalue()).shape == (8, 8, 3)


@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_inks_become_colours(dtype: str, order: str, planes: bool) -> None:
    inks = RNG.integers(0, 256, (HEIGHT, WIDTH, 4)).astype(np.uint8)
    values = inks if dtype == "u1" else inks * np.uint16(257)
    data = written(
        np.moveaxis(values, 2, 0) if planes else values,
        photometric="separated",
        planarconfig="separate" if planes else "contig",
        byteorder=order,
        compression="lzw",
    )
    image = Image.frombytes("CMYK", (WIDTH, HEIGHT), inks.tobytes())
    np.testing.assert_array_equal(decode(data), np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(decode(data, channel=2), inks[:, :, [2]].repeat(3, 2))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_is_looked_up(bits: int) -> None:
    colours = RNG.integers(0, 256, (3, 2**bits)).astype(np.uint16)
    values = RNG.integers(0, 2**bits, (HEIGHT, WIDTH)).astype(f"u{bits // 8}")
    data = written(values, photometric="palette", colormap=colours * 257)
    np.testing.assert_array_equal(decode(data), colours.T[values])


@pytest.mark.parametrize("colours", [2, 16, 200])
def test_a_palette_of_few_bits_is_looked_up(colours: int) -> None:
    """Pillow writes 1, 4 and 8 bits."""
    image = Image.fromarray(noise("u1", 3)).quantize(colours)
    file = io.BytesIO()
    image.save(file, "TIFF", bits=4 if colours == 16 else 8)
    np.testing.assert_array_equal(decode(file.getvalue()), np.asarray(image.convert("RGB")))


def without(data: bytes, number: int) -> bytes:
    """A small-endian classic TIFF without one of its tags."""
    start = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[start : start + 2], "little")
    entries = [data[start + 2 + 12 * n :][:12] for n in range(count)]
    kept = [entry for entry in entries if int.from_bytes(entry[:2], "little") != number]
    assert len(kept) == count - 1
    new = (count - 1).to_bytes(2, "little") + b"".join(kept) + bytes(4)
    return data[:4] + len(data).to_bytes(4, "little") + data[8:] + new


@pytest.mark.parametrize("colours", ["grey", "rgb"])
@pytest.mark.parametrize("compression", ["none", "deflate"])
@pytest.mark.parametrize("number", [262, 279, 278])
def test_a_tag_that_can_be_told_from_the_others_may_be_missing(
    number: int, compression: str, colours: str
) -> None:
    """What samples are, lengths of strips, their rows."""
    values = noise("u2", CHANNELS[colours])
    strips = HEIGHT if number == 278 else 7
    photometric = "rgb" if colours == "rgb" else "minisblack"
    data = written(values.squeeze(), photometric=photometric, rowsperstrip=strips, compression=compression)
    np.testing.assert_array_equal(decode(without(data, number)), shown(values))


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_last_strip_may_be_filled_up(bits: int, compression: str) -> None:
    """To as many rows as the others, though the picture ends before."""
    values = noise(f"u{bits // 8}", 3)
    data = bytearray(written(values, photometric="rgb", compression=compression, rowsperstrip=8))
    length = struct.pack("<HHI", 257, 3, 1)
    place = data.find(length) if length in data else data.index(struct.pack("<HHI", 257, 4, 1))
    data[place + 8 : place + 10] = (HEIGHT - 3).to_bytes(2, "little")
    np.testing.assert_array_equal(decode(bytes(data)), shown(values[: HEIGHT - 3]))


def test_a_piece_that_the_file_leaves_out_is_black() -> None:
    """GDAL's sparse files."""

    def tiles() -> Iterator[np.ndarray | None]:
        yield np.full((16, 16), 200, np.uint8)
        yield None

    file = io.BytesIO()
    tifffile.imwrite(file, tiles(), shape=(16, 32), dtype="u1", tile=(16, 16), photometric="minisblack")
    decoded = decode(file.getvalue())
    assert (decoded[:, :16] == 200).all()
    assert (decoded[:, 16:] == 0).all()


@pytest.mark.parametrize("compression", [*OF_BYTES, "jpeg", "jpeg2000", "png", "jpegxl", "webp"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_picture_is_broken(compression: str, kept: float) -> None:
    values = noise("u1", 3)
    data = written(values, photometric="rgb", compression=compression, rowsperstrip=8)
    directory = int.from_bytes(data[4:8], "little")
    offsets = tifffile.TiffFile(io.BytesIO(data)).pages[0].dataoffsets
    assert directory < offsets[0]  # the pixels come last
    with pytest.raises(BrokenPicture):
        decode(data[: offsets[0] + int(kept * (len(data) - offsets[0]))])


@pytest.mark.parametrize(
    ("number", "name"), [(34676, "SGI's logarithms"), (34713, "NEF"), (34661, "JBIG"), (60_000, "60000")]
)
def test_a_compression_that_cannot_be_read_is_named(number: int, name: str) -> None:
    data = written(noise("u1", 1)[:, :, 0], photometric="minisblack", compression="lzw")
    place = data.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x05\x00") + 8
    data = data[:place] + number.to_bytes(2, "little") + data[place + 2 :]
    with pytest.raises(NotAPicture, match=f"compressed with .*{name}.*save it again with deflate or LZW"):
        decode(data)


def test_complex_numbers_are_not_a_picture() -> None:
    data = written(np.ones((4, 4), np.complex64), photometric="minisblack")
    with pytest.raises(NotAPicture, match="samples of 64 bits"):
        decode(data)
