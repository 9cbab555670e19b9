"""What a model finds in a reduced copy of a picture is what it finds in the picture, in the same pixels."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from model.__main__ import main
from model.commands import segment
from model.pictures import decode_reduced, whole
from model.results.masks import to_rle
from model.results.result import Result, Wishes
from model.results.segments import Segments
from model.segmenter import Segmenter, load
from scripts.draw_samples import fluorescence

Size = tuple[int, int]
Picture = npt.NDArray[np.uint8]
Noise = Callable[..., Picture]


def changed(segmenter: Segmenter, config: dict[str, Any], **manifest_values: Any) -> Segmenter:
    """The same network under a changed manifest."""
    manifest = segmenter.bundle.manifest
    manifest = manifest.model_copy(update={"config": {**manifest.config, **config}, **manifest_values})
    return Segmenter(dataclasses.replace(segmenter.bundle, manifest=manifest), segmenter.runner)


@pytest.fixture(scope="module")
def nuclei() -> Segmenter:
    """The shipped network, had it been made to shrink what is large and to take grey levels as they are."""
    return changed(load("nuclei"), {"image_normalization": "mean_pixel"}, tile_overlap=None)


def photo_of_nuclei(orientation: int) -> bytes:
    """A JPEG of 4,101 x 3,077 pixels as stored, of drawn nuclei."""
    grey = fluorescence()[0][:384]
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    photo = cv2.resize(grey, (4101, 3077), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(photo).convert("RGB").save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(
    ("orientation", "size"),
    [
        (1, (4101, 3077)),
        (3, (4101, 3077)),  # upside down
        (6, (3077, 4101)),  # on its side
    ],
)
def test_a_reduced_photo_has_the_objects_of_the_whole_one(
    nuclei: Segmenter, orientation: int, size: Size
) -> None:
    data = photo_of_nuclei(orientation)
    photo, reduced = decode_reduced(data, whole), decode_reduced(data, nuclei.enough)
    assert reduced.image.shape[0] == -(-size[1] // 4)  # or the test would show nothing

    of_photo = nuclei.segment(photo.image, threshold=0.7)
    of_copy = nuclei.predict(reduced.image, Wishes(threshold=0.7), size=reduced.size).segments

    assert of_copy.size == of_photo.size == size
    for expected, found in ((of_photo, of_copy), (of_copy, of_photo)):
        sure = np.flatnonzero(expected.scores > 0.85)  # others may be just under the threshold there
        iou = mask_iou(expected, found)[sure]
        like = iou.argmax(axis=1)
        assert len(sure) > 30
        assert len(set(like.tolist())) == len(sure)
        assert iou.max(axis=1).min() > 0.6
        assert iou.max(axis=1).mean() > 0.95
        assert np.abs(expected.scores[sure] - found.scores[like]).max() < 0.1
        assert np.median(np.abs(found.areas()[like] / expected.areas()[sure] - 1)) < 0.02


def mask_iou(one: Segments, other: Segments) -> npt.NDArray[np.float64]:
    """float64 (N, M), over the pixels of the whole picture."""
    one_rles, other_rles = (
        [to_rle(mask, box, found.size) for mask, box in zip(found.masks, found.boxes, strict=True)]
        for found in (one, other)
    )
    return np.asarray(coco_mask.iou(one_rles, other_rles, [0] * len(other_rles)))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1000, 500), (128, 64)),
        ((500, 1000), (64, 128)),
        ((1001, 333), (128, 43)),
        ((4000, 1), (128, 1)),  # a row stays one
        ((128, 96), (128, 96)),  # goes in as it is
        ((129, 96), (128, 95)),
        ((20, 10), (20, 10)),  # is enlarged
    ],
)
def test_what_the_network_sees_is_enough(tiny_segmenter: Segmenter, size: Size, expected: Size) -> None:
    assert tiny_segmenter.enough(size) == expected


@pytest.mark.parametrize(
    ("config", "manifest_values"),
    [
        ({"image_resize_mode": "square"}, {}),  # Matterport's own numbers
        ({"image_resize_mode": "pad64"}, {}),  # never shrinks
        ({"image_resize_mode": "none"}, {}),
        ({"image_normalization": "contrast"}, {}),  # noise, averaged, has a smaller range
        ({}, {"tile_overlap": 32}),  # sees every pixel, in tiles
    ],
)
def test_where_a_copy_would_not_be_the_same_every_pixel_is_wanted(
    tiny_segmenter: Segmenter, noise: Noise, config: dict[str, Any], manifest_values: dict[str, Any]
) -> None:
    segmenter = changed(tiny_segmenter, config, **manifest_values)

    assert segmenter.enough((1024, 512)) == (1024, 512)
    with pytest.raises(ValueError, match=r"256 x 128 pixels: the model tiny .* at least 1024 x 512"):
        segmenter.predict(noise(256, 128), size=(1024, 512))


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (127, 64),  # fewer columns than the network sees
        (128, 63),
        (64, 128),  # turned, its size not
        (1001, 500),  # more than the picture itself
    ],
)
def test_a_copy_of_too_few_or_too_many_pixels_is_refused(
    tiny_segmenter: Segmenter, noise: Noise, width: int, height: int
) -> None:
    with pytest.raises(ValueError, match=f"has {width} x {height} pixels: .* at least 128 x 64"):
        tiny_segmenter.predict(noise(width, height), size=(1000, 500))


def test_the_size_of_a_picture_that_is_not_reduced_changes_nothing(
    tiny_segmenter: Segmenter, noise: Noise
) -> None:
    picture = noise(300, 150)

    expected = tiny_segmenter.segment(picture)
    found = tiny_segmenter.predict(picture, size=(300, 150)).segments

    assert found.size == expected.size
    assert found.boxes.tolist() == expected.boxes.tolist()
    assert found.scores.tolist() == expected.scores.tolist()


@pytest.mark.parametrize("mode", ["json", "labelmap", "overlay", "cutouts"])
def test_the_command_decodes_reduced_what_its_output_does_not_show(
    tiny_segmenter: Segmenter, noise: Noise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    Image.fromarray(noise(800, 400)).save(tmp_path / "photo.jpg", quality=90)
    shapes = []

    class Watched(Segmenter):
        def predict(self, image: Picture, *wishes: Any, **how: Any) -> Result:
            shapes.append(image.shape)
            return super().predict(image, *wishes, **how)

    watched = Watched(tiny_segmenter.bundle, tiny_segmenter.runner)
    monkeypatch.setattr(segment, "load", lambda *names, **way: watched)

    assert main(["segment", str(tmp_path / "photo.jpg"), "--format", mode, "--out", str(tmp_path)]) == 0

    shown = mode in ("overlay", "cutouts")
    assert shapes == [(400, 800, 3) if shown else (100, 200, 3)]
    if mode == "json":
        answer = json.loads((tmp_path / "photo.json").read_text())
        assert answer["image"] == {"width": 800, "height": 400, "pages": 1, "page": 0, "channels": 3}
        assert {tuple(found["mask"]["size"]) for found in answer["segments"]} == {(400, 800)}
        assert max(found["box"][0] + found["box"][2] for found in answer["segments"]) > 400
    elif mode == "cutouts":
        assert any((tmp_path / "photo").iterdir())
    else:
        assert Image.open(tmp_path / "photo.png").size == (800, 400)
