"""Pictures of phones and of the newer web, whose containers have rotations of their own."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from pillow_heif import from_pillow, options

from model.pictures import BrokenPicture, Limits, NotAPicture, PictureTooLarge, decode, read, read_size
from tests.mutants import heic_of


def gradient(width: int = 64, height: int = 48) -> Image.Image:
    """A picture whose every corner differs, and rows from columns."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [columns * 255 // width, rows * 255 // height, 128 + 0 * rows]
    return Image.fromarray(np.stack(channels, axis=2).astype(np.uint8))


def file_of(image: Image.Image, file_format: str, **wishes: Any) -> bytes:
    if file_format == "HEIC":
        exif = wishes.pop("exif", None)
        return heic_of(image, **wishes, **({"exif": exif.tobytes()} if exif else {}))
    file = io.BytesIO()
    image.save(file, file_format, **wishes)
    return file.getvalue()


BOTH = pytest.mark.parametrize("file_format", ["HEIC", "AVIF"])


@BOTH
def test_they_give_the_picture_that_was_saved(file_format: str) -> None:
    decoded = decode(file_of(gradient(), file_format, quality=95))

    assert decoded.shape == (48, 64, 3)
    assert np.abs(decoded.astype(int) - np.asarray(gradient())).max() <= 12


# To what an orientation turns a picture, in Pillow's words.
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@pytest.mark.parametrize("file_format", ["HEIC", "AVIF", "JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_they_are_turned_once_and_their_size_is_known(file_format: str, orientation: int, tmp_path) -> None:
    """Writers put the orientation into the EXIF and, where there is one, into the container."""
    exif = Image.Exif()
    exif[274] = orientation
    turn = TURNS[orientation]
    expected = gradient() if turn is None else gradient().transpose(turn)
    path = tmp_path / "picture"
    path.write_bytes(file_of(gradient(), file_format, exif=exif, quality=95))

    decoded = read(path)

    assert decoded.shape[1::-1] == expected.size
    assert np.abs(decoded.astype(int) - np.asarray(expected)).max() <= 16
    assert read_size(path) == expected.size


@BOTH
def test_their_transparency_shows_white_and_their_profile_is_converted(file_format: str) -> None:
    image = Image.new("RGBA", (32, 32), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 16, 32))
    decoded = decode(file_of(image, file_format, quality=95)).astype(int)
    assert decoded[16, 4].min() >= 250
    assert np.abs(decoded[16, 28] - (255, 0, 0)).max() <= 6

    # sRGB with the red and the blue primary swapped.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")
    profile = profile.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    red = Image.new("RGB", (32, 32), (255, 0, 0))
    decoded = decode(file_of(red, file_format, icc_profile=profile)).astype(int)
    assert np.abs(decoded - (0, 0, 255)).max() <= 12


@BOTH
@pytest.mark.parametrize("kept", [0.05, 0.3, 0.7, 0.95])
def test_a_truncated_one_is_broken(file_format: str, kept: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    whole = file_of(noise, file_format)

    with pytest.raises(BrokenPicture):
        decode(whole[: int(len(whole) * kept)])


@BOTH
def test_the_limit_is_that_of_the_header(file_format: str) -> None:
    data = file_of(gradient(), file_format)

    assert decode(data, Limits(max_pixels=64 * 48)).shape == (48, 64, 3)
    with pytest.raises(PictureTooLarge, match=r"3,072 pixels \(64 x 48\)"):
        decode(data, Limits(max_pixels=64 * 48 - 1))


def with_size(data: bytes, width: int, height: int) -> bytes:
    """A file whose header says another size."""
    return re.sub(
        b"ispe(....)........", lambda m: b"ispe" + m[1] + struct.pack(">II", width, height), data, flags=re.S
    )


def test_a_heic_with_more_pixels_than_its_header_says_is_broken() -> None:
    with pytest.raises(BrokenPicture):
        decode(with_size(heic_of(gradient(640, 480)), 64, 48))


def grid(side: int, tile: int, said: int) -> bytes:
    """A HEIC of a square in tiles, which says that what comes out is another one."""
    file = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(options, "GRID_TILE_SIZE", tile)
        heif = from_pillow(gradient(side, side))
        heif.save(file)
    data = file.getvalue()
    of_grid = struct.pack(">BBHH", side // tile - 1, side // tile - 1, side, side)
    assert of_grid in data  # or it is no grid
    data = data.replace(of_grid, of_grid[:2] + struct.pack(">HH", said, said))
    sides = bytes(4) + struct.pack(">II", side, side)
    return data.replace(b"ispe" + sides, b"ispe" + bytes(4) + struct.pack(">II", said, said))


def test_the_tiles_of_a_heic_are_work_too() -> None:
    assert decode(grid(512, 64, said=512)).shape == (512, 512, 3)
    assert decode(grid(512, 64, said=512), Limits(max_pixels=512 * 512)).shape == (512, 512, 3)
    with pytest.raises(PictureTooLarge, match=r"266,240 pixels in all its tiles"):  # 512 x 512 and 64 x 64
        decode(grid(512, 64, said=64), Limits(max_pixels=64 * 64 * 3))
    # Of a tile, 63 pixels a side may be cut off.
    with pytest.raises(PictureTooLarge, match=r"256 x 256"):
        decode(grid(512, 256, said=64), Limits(max_pixels=64 * 64))


def box(kind: bytes, *content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(b"".join(content))) + kind + b"".join(content)


def test_pictures_made_of_pictures_made_of_pictures_do_not_multiply() -> None:
    """Each of six items is made of the next, 1,000 times: of 10¹⁵ pixels in 12 kB."""
    sizes = box(b"ipco", box(b"ispe", bytes(4), struct.pack(">II", 64, 64)))
    of_items = b"".join(struct.pack(">HBB", item, 1, 1) for item in range(1, 8))
    properties = box(b"iprp", sizes, box(b"ipma", bytes(4), struct.pack(">I", 7), of_items))

    def made_of(next_of: dict[int, int]) -> bytes:
        references = [
            box(b"dimg", struct.pack(">HH", item, 1000), struct.pack(">H", other) * 1000)
            for item, other in next_of.items()
        ]
        meta = box(b"meta", bytes(4), properties, box(b"iref", bytes(4), *references))
        return heic_of(gradient())[:28] + meta

    with pytest.raises(PictureTooLarge, match="in all its tiles"):
        decode(made_of({item: item + 1 for item in range(1, 7)}))
    with pytest.raises(BrokenPicture, match="contains itself"):
        decode(made_of({1: 2, 2: 3, 3: 1}))


@pytest.mark.parametrize("brand", [b"isom", b"mp42", b"qt  ", b"M4A ", b"crx "])
def test_a_film_and_a_raw_photo_in_that_container_are_no_pictures(brand: bytes) -> None:
    with pytest.raises(NotAPicture):
        decode(b"\0\0\0\x18ftyp" + brand + bytes(4) + b"isommp41" + bytes(40))


@BOTH
def test_a_file_with_a_general_brand_is_told_by_its_compatible_ones(file_format: str) -> None:
    data = file_of(gradient(), file_format)
    box = int.from_bytes(data[:4])
    brands = {data[start : start + 4] for start in range(16, box, 4)}

    assert brands & {b"heic", b"avif"}  # or the next line tests nothing
    assert decode(data[:8] + b"mif1" + data[12:]).shape == (48, 64, 3)


def test_pillow_opens_no_heic_for_anybody_else() -> None:
    code = (
        "import model.pictures; from PIL import Image; Image.init(); raise SystemExit('HEIF' in Image.OPEN)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
