"""The memory that decoding a picture takes, measured, against what `memory_needed` says."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageCms

from model.pictures import Limits, PictureTooLarge, Projection, decode_reduced, whole
from model.pictures.limits import memory_needed
from tests.tiffs import tiff_of

SIDE = 2000

# Runs in a process of its own: what a test run has freed would be taken again without a trace.
DECODE_EACH = """
import json, sys, warnings
from pathlib import Path
from model import malloc
from model.pictures import Limits, decode_reduced, whole
warnings.simplefilter("ignore")
malloc.tune()
def resident(which):
    return int(next(line for line in open("/proc/self/status") if line.startswith(which)).split()[1]) << 10
taken = {}
for path, page, projection in json.loads(sys.argv[1]):
    data = Path(path).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak of resident memory begins anew
    before, said = resident("VmRSS"), []
    note = lambda size, needed, pages: said.append(needed)
    how = {"page": page, "projection": projection, "before_pixels": note}
    assert decode_reduced(data, whole, Limits(), **how).image.size
    taken[path] = (resident("VmHWM") - before, *said)
    del data
print(json.dumps(taken))
"""


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def animated(file_format: str, mode: str, **options: Any) -> bytes:
    frames = [Image.new("RGBA", (SIDE, SIDE), (shade, 90, 40, 200)).convert(mode) for shade in (0, 99, 200)]
    return saved(frames[0], file_format, save_all=True, append_images=frames[1:], **options)


def tiff_in_one_piece(values: npt.NDArray[Any], **options: Any) -> bytes:
    """A page in a single strip, to be turned upright."""
    file = io.BytesIO()
    upright = (274, 3, 1, 6, True)
    tifffile.imwrite(file, values, rowsperstrip=SIDE, extratags=[upright], metadata=None, **options)
    return file.getvalue()


def deep_heic() -> bytes:
    file = io.BytesIO()
    pixels = np.full((SIDE, SIDE, 4), 40_000, np.uint16)
    image = pillow_heif.from_bytes("RGBA;16", (SIDE, SIDE), pixels.tobytes())
    image.save(file, chroma=444, enc_params={"preset": "ultrafast"})
    return file.getvalue()


@pytest.fixture(scope="module")
def costly() -> dict[tuple[str, int], bytes]:
    """By kind and page, files of the kinds that take most memory, if they can be written here."""
    turned = Image.Exif()
    turned[274] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace("sRGB".encode("utf-16-be"), "else".encode("utf-16-be"))
    deep = np.full((SIDE, SIDE, 4), 40_000, np.uint16)
    rgba = Image.new("RGBA", (SIDE, SIDE), (10, 200, 90, 128))
    tiff = tiff_of(deep, compression="deflate", colour=True, extra=(2,), orientation=6, profile=profile)
    return {
        ("JPEG", 0): saved(rgba.convert("CMYK"), "JPEG", progressive=True, exif=turned),
        ("PNG", 0): cv2.imencode(".png", deep)[1].tobytes(),
        ("PNG", 2): animated("PNG", "RGBA", disposal=[0, 2, 0], blend=1),
        ("WEBP", 0): saved(rgba, "WEBP", lossless=True, exif=turned, icc_profile=profile),
        ("WEBP", 2): animated("WEBP", "RGBA"),
        ("AVIF", 0): saved(rgba, "AVIF", speed=10, subsampling="4:4:4", exif=turned, icc_profile=profile),
        ("AVIF", 2): animated("AVIF", "RGBA", speed=10, subsampling="4:4:4"),
        ("HEIF", 0): deep_heic(),
        ("TIFF", 0): tiff,
        ("TIFF, inks", 0): tiff_in_one_piece(deep, photometric="separated", compression="deflate"),
        ("TIFF, JPEG 2000", 0): tiff_in_one_piece(deep, photometric="rgb", compression="jpeg2000"),
        ("TIFF, JPEG 2000 of 8 bits", 0): tiff_in_one_piece(
            deep[:, :, :3].astype(np.uint8), photometric="rgb", compression="jpeg2000"
        ),
        ("TIFF, JPEG XL", 0): tiff_in_one_piece(deep, photometric="rgb", compression="jpegxl"),
        ("TIFF, JPEG", 0): tiff_in_one_piece(np.array(rgba)[:, :, :3], photometric="rgb", compression="jpeg"),
        ("TIFF, floats", 0): tiff_in_one_piece(
            deep[:, :, 0].astype(float), photometric="minisblack", compression="zstd", predictor=3
        ),
        ("TIFF, LERC", 0): tiff_in_one_piece(
            deep[:, :, 0].astype(float), photometric="minisblack", compression="lerc"
        ),
        ("TIFF, YCbCr", 0): saved(rgba.convert("YCbCr"), "TIFF", compression="tiff_lzw"),
        ("TIFF, palette", 0): saved(rgba.convert("P"), "TIFF", compression="tiff_lzw"),
        ("BMP", 0): saved(rgba.convert("RGB"), "BMP"),
        ("GIF", 0): saved(rgba.convert("P"), "GIF"),
        ("GIF", 2): animated("GIF", "P", disposal=2, transparency=3),
    }


def taken_by(jobs: Sequence[tuple[str, int, Projection]]) -> dict[str, tuple[int, int]]:
    """Bytes that the decoding of each file took, and those that were said, by its path."""
    ended = subprocess.run(
        [sys.executable, "-c", DECODE_EACH, json.dumps(jobs)], capture_output=True, text=True, check=True
    )
    taken: dict[str, tuple[int, int]] = json.loads(ended.stdout)
    return taken


def test_no_format_takes_more_memory_than_is_said(
    costly: dict[tuple[str, int], bytes], tmp_path: Path
) -> None:
    paths = {}
    for number, data in enumerate(costly.values()):
        paths[tmp_path / str(number)] = data
        (tmp_path / str(number)).write_bytes(data)
    jobs = [(str(path), page, "none") for path, (_, page) in zip(paths, costly, strict=True)]
    taken = taken_by(jobs)

    for (path, page, _), (kind, _) in zip(jobs, costly, strict=True):
        took, said = taken[path]
        assert took < said, f"{kind}, page {page}"


def test_more_pixels_and_a_larger_file_need_more_memory() -> None:
    assert memory_needed("JPEG", 2_000, 0) > memory_needed("JPEG", 1_000, 0)
    assert memory_needed("JPEG", 1_000, 10) > memory_needed("JPEG", 1_000, 0)
    assert memory_needed("GIF", 1_000, 0, page=1) > memory_needed("GIF", 1_000, 0)


STACKS: dict[str, Callable[[], bytes]] = {
    "16-bit grey": lambda: stack_of((SIDE, SIDE), np.uint16, "minisblack"),
    "16-bit colours": lambda: stack_of((SIDE, SIDE, 3), np.uint16, "rgb"),
    "8-bit grey": lambda: stack_of((SIDE, SIDE), np.uint8, "minisblack"),
    "8-bit colours": lambda: stack_of((SIDE, SIDE, 3), np.uint8, "rgb"),
    "floats": lambda: stack_of((SIDE, SIDE), np.float32, "minisblack"),
    "small floats with NaN": lambda: stack_of((SIDE, SIDE), np.float16, "minisblack", np.nan),
    "GIF": lambda: animated("GIF", "P", disposal=2, transparency=3),
    "WebP": lambda: animated("WEBP", "RGBA", lossless=True),
    "PNG": lambda: animated("PNG", "RGBA"),
}


def stack_of(shape: tuple[int, ...], dtype: type, photometric: str, first: float = 0) -> bytes:
    """A TIFF of three noisy pages, each of which begins with the value `first`."""
    page = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    page[0] = first
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for _ in range(3):
            writer.write(page, photometric=photometric, rowsperstrip=64, metadata=None)
    return file.getvalue()


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("stacks")
    for name, make in STACKS.items():
        (folder / name).write_bytes(make())
    return [folder / name for name in STACKS]


@pytest.mark.parametrize("projection", ["max", "mean"])
def test_no_projection_takes_more_memory_than_is_said(stacks: list[Path], projection: Projection) -> None:
    taken = taken_by([(str(path), 0, projection) for path in stacks])

    assert {path: (took, said) for path, (took, said) in taken.items() if took >= said} == {}


def test_pages_too_large_to_be_added_up_are_refused() -> None:
    data = stack_of((3000, 3000, 4), np.uint16, "rgb")

    with pytest.raises(PictureTooLarge, match="3000 x 3000 pixels are too large for a projection"):
        decode_reduced(data, whole, Limits(max_pixels=9_000_000), projection="mean")
