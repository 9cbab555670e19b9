"""What headers and counts show is refused; what decoders are not shown changes no picture."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from model.pictures import (
    BrokenPicture,
    Limits,
    PictureError,
    PictureTooLarge,
    TooManyFrames,
    decode,
    decode_reduced,
    heif,
    read_header,
    whole,
)
from model.pictures.av1 import FrameSizes
from tests.mutants import heic_of, pictures

MANY = 300_000


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def two_halves() -> Image.Image:
    """24 x 16 pixels: black at the left, white at the right."""
    image = Image.new("RGB", (24, 16))
    image.paste("white", (12, 0, 24, 16))
    return image


JPEG = saved(two_halves(), "JPEG")
PNG = saved(two_halves(), "PNG")
GIF = saved(two_halves().quantize(2), "GIF")
GIF_FRAME_AT = GIF.index(b"\x2c", 13)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def riff(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WEBP" + b"".join(chunks)


def tiff_with(**changes: tuple[int, int]) -> bytes:
    """A TIFF of 64 x 64 pixels; tags by "t" and number, of (type, count), whose values begin at byte 8."""
    strip = zlib.compress(bytes(64 * 64))
    filler = bytes(8 * MANY)
    tags: dict[int, tuple[int, int, int]] = {
        number: (4, 1, value)
        for number, value in (
            *((256, 64), (257, 64), (258, 8), (259, 8), (262, 1)),
            *((273, 8 + len(filler)), (277, 1), (278, 64), (279, len(strip))),
        )
    }
    tags |= {int(name[1:]): (*change, 8) for name, change in changes.items()}
    body = b"II*\0" + struct.pack("<I", 8 + len(filler) + len(strip)) + filler + strip
    entries = b"".join(struct.pack("<HHII", number, *tag) for number, tag in sorted(tags.items()))
    return body + struct.pack("<H", len(tags)) + entries + bytes(4)


def in_strips(count: int, compression: int) -> bytes:
    """A TIFF of so many rows of 10 pixels, in a strip each; all strips are the same bytes."""
    strip = bytes(10)
    numbers = struct.pack(f"<{count}I", *[8] * count) + struct.pack(f"<{count}I", *[len(strip)] * count)
    offsets = 8 + len(strip)
    tags = {
        **{number: (1, value) for number, value in ((256, 10), (257, count), (258, 8), (259, compression))},
        **dict.fromkeys((262, 277, 278), (1, 1)),
        273: (count, offsets),
        279: (count, offsets + 4 * count),
    }
    entries = b"".join(struct.pack("<HHII", number, 4, *tag) for number, tag in sorted(tags.items()))
    body = b"II*\0" + struct.pack("<I", offsets + len(numbers)) + strip + numbers
    return body + struct.pack("<H", len(tags)) + entries + bytes(4)


def animated_avif(frames: int) -> bytes:
    images = [Image.new("RGB", (16, 16), (20 * number, 90, 40)) for number in range(frames)]
    return saved(images[0], "AVIF", save_all=True, append_images=images[1:], speed=10)


def with_ispe(data: bytes, side: int) -> bytes:
    said = struct.pack(">II", side, side)
    return re.sub(b"ispe(....)........", lambda m: b"ispe" + m[1] + said, data, flags=re.S)


def with_track_of(data: bytes, side: int) -> bytes:
    """The animation with another size in the headers of its tracks."""
    said = struct.pack(">II", side << 16, side << 16)
    return re.sub(b"(tkhd.{84})........", lambda m: m[1] + said, with_ispe(data, side), flags=re.S)


REFUSED: dict[str, tuple[Callable[[], bytes], type[PictureError], str]] = {
    "jpeg, segments": (
        lambda: JPEG[:2] + b"\xff\xfe\0\x02" * MANY + JPEG[2:],
        PictureTooLarge,
        "more than 5,000 segments",
    ),
    "jpeg, segments between scans": (
        lambda: JPEG[:-2] + b"\xff\xfe\0\x02" * MANY + JPEG[-2:],
        PictureTooLarge,
        "more than 5,000 segments",
    ),
    "jpeg, no pixels": (lambda: JPEG[:100] + b"\xff\xd9", BrokenPicture, "no pixels"),
    "png, chunks": (
        lambda: PNG[:33] + png_chunk(b"prVt", b"") * MANY + PNG[33:],
        PictureTooLarge,
        "more than 100,000 chunks",
    ),
    "png, pixels in pieces": (
        lambda: PNG[:33] + png_chunk(b"IDAT", b"") * MANY + PNG[33:],
        PictureTooLarge,
        "more than 100,000 chunks",
    ),
    "png, frames": (
        lambda: PNG[:33] + png_chunk(b"fcTL", bytes(26)) * 2000 + PNG[33:],
        TooManyFrames,
        "more than 1,000 pages or frames",
    ),
    "gif, comments": (
        lambda: GIF[:GIF_FRAME_AT] + b"\x21\xfe\0" * MANY + GIF[GIF_FRAME_AT:],
        PictureTooLarge,
        "too many blocks",
    ),
    "gif, a comment in pieces": (
        lambda: GIF[:GIF_FRAME_AT] + b"\x21\xfe" + b"\x01x" * MANY + b"\0" + GIF[GIF_FRAME_AT:],
        PictureTooLarge,
        "too many blocks",
    ),
    "webp, frames": (
        lambda: riff(*[b"ANMF\x10\0\0\0" + bytes(16)] * 2000),
        TooManyFrames,
        "more than 1,000 pages or frames",
    ),
    "webp, chunks": (lambda: riff(*[b"abcd\0\0\0\0"] * 2000), PictureTooLarge, "more than 1,000 chunks"),
    "tiff, values of a tag that Pillow reads": (
        lambda: tiff_with(t258=(5, MANY)),
        BrokenPicture,
        "its tag 258 has 300,000 values",
    ),
    "tiff, orientations": (
        lambda: tiff_with(t274=(3, MANY)),
        BrokenPicture,
        "its tag 274 has 300,000 values",
    ),
    "tiff, values of a tag that libtiff reads": (
        lambda: tiff_with(t532=(5, MANY)),
        BrokenPicture,
        "its tag 532 has 300,000 values",
    ),
    "tiff, strips": (
        lambda: tiff_with(t273=(4, MANY), t279=(4, MANY)),
        PictureTooLarge,
        "has 300,000 strips or tiles; at most 20,008",
    ),
    **{
        f"tiff, strips of {name}": (
            lambda number=number, most=most: in_strips(most + 1, number),
            PictureTooLarge,
            f"has {most + 1:,} strips or tiles; at most {most:,} are accepted",
        )
        for name, number, most in (
            ("nothing", 1, 20_408),
            ("deflate", 8, 20_408),
            ("LZMA", 34925, 6711),
            ("Zstd", 50000, 6711),
            ("JPEG", 7, 10_101),
            ("JPEG as it was first", 6, 10_101),
            ("JPEG 2000", 34712, 10_101),
            ("JPEG XL", 50002, 1821),
        )
    },
    "avif, forged": (
        lambda: with_ispe(saved(Image.new("RGB", (600, 600)), "AVIF", speed=10), 64),
        BrokenPicture,
        "its header declares 64 x 64 pixels, but its AV1 data has 600 x 600",
    ),
    "avif, forged and large": (
        lambda: with_ispe(saved(Image.new("RGB", (1300, 1300)), "AVIF", speed=10), 64),
        PictureTooLarge,
        "1300 x 1300",
    ),
    "avif, forged opacity": (
        lambda: with_ispe(saved(Image.new("RGBA", (1300, 1300)), "AVIF", speed=10), 64),
        PictureTooLarge,
        "1300 x 1300",
    ),
    "avif, forged animation": (
        lambda: with_track_of(
            saved(
                Image.new("RGB", (1300, 1300)),
                "AVIF",
                speed=10,
                save_all=True,
                append_images=[Image.new("RGB", (1300, 1300), "red")],
            ),
            64,
        ),
        PictureTooLarge,
        "1300 x 1300",
    ),
    "avif, boxes": (
        lambda: pictures()["avif"] + b"\0\0\0\x08free" * MANY,
        PictureTooLarge,
        "more than 10,000 boxes",
    ),
    "heic, boxes": (
        lambda: pictures()["heic"] + b"\0\0\0\x08free" * MANY,
        PictureTooLarge,
        "more than 10,000 boxes",
    ),
    "heic, forged": (lambda: with_ispe(heic_of(Image.new("RGB", (1300, 1300))), 64), BrokenPicture, "HEIF"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_header_or_a_count_shows_is_refused(name: str) -> None:
    make, error, message = REFUSED[name]
    with pytest.raises(PictureError, match=re.escape(message)) as refusal:
        decode(make(), Limits(max_pixels=1_000_000))
    assert refusal.type is error


def test_frames_of_an_avif_are_counted_before_it_is_opened() -> None:
    assert decode(animated_avif(5), Limits(max_frames=5), page=4).shape == (16, 16, 3)
    with pytest.raises(TooManyFrames):
        decode(animated_avif(5), Limits(max_frames=4))


def turned(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = number
    exif[270] = "a description"
    return exif


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def png_with_text(key: str, text: str, *, itxt: bool = False) -> bytes:
    info = PngInfo()
    if itxt:
        info.add_itxt(key, text)
    else:
        info.add_text(key, text, zip=True)
    return saved(two_halves(), "PNG", pnginfo=info)


EXIF_LINES = "\n".join(re.findall("..{0,70}", turned(6).tobytes().hex()))

TURNED = {
    "jpeg": lambda: saved(two_halves(), "JPEG", exif=turned(6)),
    "jpeg, behind rubbish": lambda: (
        JPEG[:20] + b"\0 rubbish \xff\0\xff" + saved(two_halves(), "JPEG", exif=turned(6))[20:]
    ),
    "jpeg, behind a comment": lambda: (
        JPEG[:2] + b"\xff\xfe\0\x08hello!" + saved(two_halves(), "JPEG", exif=turned(6))[2:]
    ),
    "png": lambda: saved(two_halves(), "PNG", exif=turned(6)),
    "png, by text": lambda: png_with_text(
        "Raw profile type exif", f"\nexif\n{len(EXIF_LINES)}\n{EXIF_LINES}"
    ),
    "webp": lambda: saved(two_halves(), "WEBP", exif=turned(6), lossless=True),
    "avif": lambda: saved(two_halves(), "AVIF", exif=turned(6), speed=10),
    "heic": lambda: heic_of(two_halves(), exif=turned(6).tobytes()),
    "tiff": lambda: saved(two_halves(), "TIFF", exif=turned(6)),
    "tiff, packed": lambda: saved(two_halves(), "TIFF", exif=turned(6), compression="tiff_lzw"),
}


@pytest.mark.parametrize("name", TURNED)
def test_a_picture_is_turned_upright_wherever_its_file_says_so(name: str) -> None:
    file = TURNED[name]()
    decoded = decode(file)

    assert read_header(io.BytesIO(file)).upright == (16, 24)
    assert decoded.shape == (24, 16, 3)
    assert decoded[:10].max() < 60  # what was left is up
    assert decoded[14:].min() > 190


AS_IT_LIES = {
    "jpeg": lambda: saved(two_halves(), "JPEG", xmp=XMP),
    "png": lambda: png_with_text("XML:com.adobe.xmp", XMP.decode(), itxt=True),
    "webp": lambda: saved(two_halves(), "WEBP", xmp=XMP),
    "avif": lambda: saved(two_halves(), "AVIF", xmp=XMP, speed=10),
    "tiff": lambda: saved(two_halves(), "TIFF", tiffinfo={700: XMP}),
}


@pytest.mark.parametrize("name", AS_IT_LIES)
def test_xmp_turns_no_picture_since_browsers_do_not_look_at_it(name: str) -> None:
    assert decode(AS_IT_LIES[name]()).shape == (16, 24, 3)


def profile_of(length: int) -> bytes:
    """A colour profile that swaps nothing, made long as those of slide scanners."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(0).integers(0, 255, length - len(profile), np.uint8).tobytes()
    return struct.pack(">I", length) + profile[4:] + noise


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("megabytes", [1.1, 4, 15, 17])
def test_a_png_may_have_a_long_profile(megabytes: float, deep: bool) -> None:
    """One beyond all sense is left out; the picture is shown without it."""
    pixels = np.asarray(two_halves())
    plain = cv2.imencode(".png", pixels.astype(np.uint16) * 257)[1].tobytes() if deep else PNG
    content = b"of a scanner\0\0" + zlib.compress(profile_of(int(megabytes * 1e6)), 1)
    np.testing.assert_array_equal(decode(plain[:33] + png_chunk(b"iCCP", content) + plain[33:]), pixels)


@pytest.mark.parametrize("content", [b"", b"name", b"name\0\0", b"name\0\0rubbish", b"name\0\x05abc"])
def test_a_broken_profile_does_not_cost_a_png(content: bytes) -> None:
    data = PNG[:33] + png_chunk(b"iCCP", content) + PNG[33:]
    np.testing.assert_array_equal(decode(data), np.asarray(two_halves()))


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_a_png_may_have_long_texts(kind: bytes) -> None:
    text = b"a remark " * 400_000
    content = (
        b"Comment\0"
        + {
            b"tEXt": text,
            b"zTXt": b"\0" + zlib.compress(text),
            b"iTXt": b"\1\0\0\0" + zlib.compress(text),
        }[kind]
    )
    chunk = png_chunk(kind, content)
    for data in (PNG[:33] + chunk * 3 + PNG[33:], PNG[:-12] + chunk + PNG[-12:]):
        np.testing.assert_array_equal(decode(data), np.asarray(two_halves()))


@pytest.mark.parametrize(
    "broken", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"\0" * 99]
)
def test_broken_exif_does_not_cost_the_picture(broken: bytes) -> None:
    for file_format in ("JPEG", "PNG", "WEBP"):
        assert decode(saved(two_halves(), file_format, exif=b"Exif\0\0" + broken)).shape == (16, 24, 3)


def test_what_lies_between_the_frames_of_a_gif_changes_none() -> None:
    frames = [Image.new("P", (8, 8), number) for number in range(1, 5)]
    for frame in frames:
        frame.putpalette(list(range(256)) * 3)
    plain = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], loop=0)
    rubbish = b"\x01\x02" + b"\x21\xfe\x03abc\0" + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    cluttered = plain.replace(b"\x21\xf9\x04", rubbish + b"\x21\xf9\x04")
    assert len(cluttered) > len(plain) + 2 * len(rubbish)

    for page in range(4):
        np.testing.assert_array_equal(decode(cluttered, page=page), decode(plain, page=page))


def bmp_of_runs(compression: int, bits: int, runs: bytes, size: tuple[int, int]) -> bytes:
    palette = bytes(value for shade in range(1 << bits) for value in (shade, 255 - shade, shade // 2, 0))
    start = 54 + len(palette)
    return (
        b"BM"
        + struct.pack("<IHHI", start + len(runs), 0, 0, start)
        + struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, compression, len(runs), 0, 0, 1 << bits, 0)
        + palette
        + runs
    )


RUNS = {
    "8 bits": (
        1,
        8,
        b"\x05\x07\x03\x09\0\0" + b"\0\x03\x01\x02\x03\0\x05\x0a\0\0" + b"\x08\x0b\0\x01",
        (8, 3),
    ),
    "4 bits": (2, 4, b"\x08\x12\0\0" + b"\x03\x31\0\x05\x45\x67\x80\0\0\0" + b"\x08\x11\0\x01", (8, 3)),
    "a step": (1, 8, b"\x04\x07\0\x02\x03\0\x01\x05\0\0" + b"\x02\x09\0\x02\x01\x01\x05\x0b\0\x01", (8, 3)),
}


@pytest.mark.parametrize("name", RUNS)
def test_run_lengths_of_a_bmp_come_out_as_pillow_reads_them(name: str) -> None:
    data = bmp_of_runs(*RUNS[name])

    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(decode(data), expected)


def test_run_lengths_that_end_early_are_a_broken_picture() -> None:
    with pytest.raises(BrokenPicture):
        decode(bmp_of_runs(1, 8, b"\x05\x07", (800, 600)))


def test_tags_that_no_pixel_needs_may_have_any_number_of_values() -> None:
    data = tiff_with(t282=(5, MANY), t270=(2, MANY), t34665=(4, MANY), t700=(1, MANY))
    assert decode(data).shape == (64, 64, 3)


class Bits:
    """Written one after the other."""

    def __init__(self) -> None:
        self._bits = ""

    def add(self, count: int, value: int) -> Bits:
        self._bits += f"{value:0{count}b}"
        return self

    def unit(self, kind: int) -> bytes:
        """The bits in a unit of AV1 with its length."""
        padded = self._bits + "0" * (-len(self._bits) % 8)
        content = int(padded, 2).to_bytes(len(padded) // 8)
        return bytes([kind << 3 | 2, len(content)]) + content


def sequence_unit(width: int, height: int, side_bits: int = 16) -> bytes:
    """A sequence header of a film, whose frames may have sizes of their own."""
    bits = Bits().add(3, 0).add(1, 0).add(1, 0)  # profile, still, reduced
    bits.add(1, 0).add(1, 0).add(5, 0).add(12, 0).add(5, 1)  # no timing, no delay, one operating point
    bits.add(4, side_bits - 1).add(4, side_bits - 1).add(side_bits, width - 1).add(side_bits, height - 1)
    bits.add(1, 0).add(3, 0).add(4, 0)  # no frame numbers; filters; compounds
    bits.add(1, 1).add(2, 0).add(1, 1).add(1, 1).add(3, 6)  # order hints of 7 bits; a frame chooses tools
    return bits.unit(1)


def frame_unit(kind: int, size: tuple[int, int] | None, side_bits: int = 16) -> bytes:
    """The beginning of a frame's header: a key frame (0), one of others (1) or one of none (2)."""
    bits = Bits().add(1, 0).add(2, kind).add(1, 1)  # not shown again; kind; shown
    if kind:
        bits.add(1, 0)  # not resilient
    bits.add(1, 0).add(1, 0).add(1, int(size is not None)).add(7, 0)
    if kind == 1:
        bits.add(3, 0)
    if kind:
        bits.add(8, 1)
    if size and kind != 1:
        bits.add(side_bits, size[0] - 1).add(side_bits, size[1] - 1)
    return bits.add(32, 0).unit(6)


def sizes_in(*units: bytes) -> list[tuple[int, int]]:
    reader = FrameSizes()
    return [size for unit in units for size in reader.read(memoryview(unit))]


def test_a_frame_of_av1_counts_with_its_own_size() -> None:
    sequence = sequence_unit(640, 480)

    assert sizes_in(sequence, frame_unit(0, None)) == [(640, 480)]
    assert sizes_in(sequence, frame_unit(0, (16_000, 9_000))) == [(640, 480), (16_000, 9_000)]
    assert sizes_in(sequence, frame_unit(2, (16_000, 9_000))) == [(640, 480), (16_000, 9_000)]
    # It may take the size of any frame before, so the largest that its bits allow counts.
    assert sizes_in(sequence, frame_unit(1, (9, 9))) == [(640, 480), (65_536, 65_536)]
    assert sizes_in(sequence_unit(640, 480, 10), frame_unit(1, (9, 9), 10)) == [(640, 480), (1024, 1024)]


def test_the_frames_of_av1_are_added_up() -> None:
    reader = FrameSizes()
    for unit in (sequence_unit(640, 480), frame_unit(0, None), frame_unit(0, None), frame_unit(0, (9, 9))):
        list(reader.read(memoryview(unit)))
    assert reader.pixels == 2 * 640 * 480 + 9 * 9


def test_an_avif_of_many_frames_in_one_item_counts_for_them_or_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = pictures()["avif"]  # of 48 x 32 pixels
    assert decode(data, Limits(max_pixels=48 * 32)).size == 48 * 32 * 3

    class ManyFrames(FrameSizes):
        def read(self, part: memoryview) -> Iterator[tuple[int, int]]:
            yield from super().read(part)
            self.pixels *= 4

    monkeypatch.setattr("model.pictures.heif.FrameSizes", ManyFrames)
    with pytest.raises(PictureTooLarge, match="consists of 6,144 pixels"):
        decode(data, Limits(max_pixels=48 * 32))
    told: list[int] = []
    decode_reduced(data, whole, before_pixels=lambda *how: told.append(how[2]))
    assert told == [4]  # where it is within the limits, it counts as that many pages


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def boxes_of_grid(canvas: int, tile: int, tiles: int) -> bytes:
    """The boxes of a HEIC whose square picture is put together from tiles, all of them the same one."""
    spatial = b"".join(box(b"ispe", struct.pack(">4xII", side, side)) for side in (canvas, tile))
    uses = struct.pack(">4xIHBBHBB", 2, 1, 1, 1, 2, 1, 2)
    properties = box(b"iprp", box(b"ipco", spatial) + box(b"ipma", uses))
    made_of = box(b"dimg", struct.pack(f">HH{tiles}H", 1, tiles, *[2] * tiles))
    return box(b"meta", bytes(4) + properties + box(b"iref", bytes(4) + made_of))


@pytest.mark.parametrize(
    ("canvas", "tile", "tiles", "beside"),
    [
        (1024, 512, 4, 0),
        (1000, 512, 4, 0),  # the last tiles stick out
        (64, 512, 1, 63),
        (1000, 1000, 100, 99),
        (1, 1024, 1, 1000),  # no more than a file may have
    ],
)
def test_tiles_that_a_grid_does_not_show_count_as_pages(
    canvas: int, tile: int, tiles: int, beside: int
) -> None:
    assert heif.check(boxes_of_grid(canvas, tile, tiles), Limits()) == beside


@pytest.mark.parametrize("name", ["avif", "avif, opacity", "avif, animated"])
def test_the_size_of_av1_is_read_from_what_encoders_write(name: str) -> None:
    data = pictures()[name]
    found = set()
    for match in re.finditer(rb"\x0a[\x01-\x7f]", data):  # a sequence header with its length
        try:
            found |= set(sizes_in(data[match.start() : match.end() + data[match.end() - 1]]))
        except BrokenPicture:
            continue
    assert (48, 32) in found


def test_av1_that_is_cut_off_is_broken() -> None:
    for unit in (b"\x0a\xff", b"\x0a\x7f\0", b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80", b"\x0a\x02\0\0"):
        with pytest.raises(BrokenPicture):
            sizes_in(unit)


def test_units_of_av1_are_counted() -> None:
    with pytest.raises(PictureTooLarge, match="more than 20,000 units"):
        sizes_in(b"\x12\0" * MANY)
