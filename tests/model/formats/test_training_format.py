"""Training data: what people corrected is read by training, exactly."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from stub_segmenter import stub_manifest

from model.answers.finding import Finding
from model.data.opening import open_data
from model.formats.registry import FORMATS, Options
from model.pictures import Origin
from model.results.corrections import InvalidCorrections, read_corrections
from model.results.result import Result
from model.results.segments import Segments

STEPS: list[dict[str, Any]] = [
    {
        "action": "delete",
        "before": [{"id": 3, "class": "cell", "score": 0.6, "box": [1, 2, 3, 4], "area": 9}],
        "after": [],
    },
    {
        "action": "draw",
        "before": [],
        "after": [{"id": 4, "class": "cell", "score": 1.0, "box": [2, 1, 8, 7], "area": 56}],
    },
]
PICTURE = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)


@pytest.fixture
def finding(segments: Segments) -> Finding:
    return Finding(
        PICTURE,
        Result(segments),
        stub_manifest(),
        "openvino",
        "f32",
        Origin(pages=1, page=0, channels=3, pixel_size=(0.5, 0.25)),
        corrections=read_corrections(STEPS),
    )


def test_training_reads_the_picture_and_each_mask_exactly(
    finding: Finding, segments: Segments, tmp_path: Path
) -> None:
    with zipfile.ZipFile(io.BytesIO(FORMATS["training"].write(finding, Options()))) as archive:
        archive.extractall(tmp_path)

    data = open_data(tmp_path)

    assert data.format_name == "COCO"
    assert data.classes == ["background", "cell", "fibre"]
    assert list(data.findings()) == []
    (sample,) = [data[index] for index in range(len(data))]
    assert (sample.image == PICTURE).all()
    assert sample.class_ids.tolist() == segments.class_ids.tolist()
    assert sample.boxes.tolist() == segments.boxes.tolist()
    assert all(map(np.array_equal, sample.masks, segments.masks))
    labels = cv2.imread(str(tmp_path / "labelmap" / "image.png"), cv2.IMREAD_UNCHANGED)
    assert np.unique(labels).tolist() == [0, 1, 2]


def test_the_note_has_what_was_corrected(finding: Finding) -> None:
    files = dict(FORMATS["training"].files(finding))  # type: ignore[misc]

    note = json.loads(files["corrections.json"])

    assert note == {
        "model": {"name": "stub", "version": "1"},
        "pixel_size": {"x": 0.5, "y": 0.25},
        "counts": {"delete": 1, "draw": 1},
        "corrections": STEPS,
    }


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "corrections: Input should be a valid list"),
        ([{**STEPS[0], "action": "paint"}], r"corrections\[0\].action: .*'delete', 'draw'"),
        ([{"action": "draw", "before": []}], r"corrections\[0\].after: Field required"),
        ([{**STEPS[0], "before": [{"id": 0}]}], r"corrections\[0\].before\[0\].id: "),
        ([{**STEPS[0], "by": "me"}], r"corrections\[0\].by: Extra inputs are not permitted"),
    ],
)
def test_invalid_corrections_say_which_member_is_wrong(document: Any, says: str) -> None:
    with pytest.raises(InvalidCorrections, match=says):
        read_corrections(document)
