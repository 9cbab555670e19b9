"""A config is read in whatever form people keep it, and what it says is what a Config holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.config_file import read_config_file

MATTERPORTS: dict[str, Any] = {
    "BACKBONE": "resnet50",
    "BACKBONE_STRIDES": [4, 8, 16, 32, 64],
    "BATCH_SIZE": 2,
    "BBOX_STD_DEV": np.array([0.1, 0.1, 0.2, 0.2]),
    "COMPUTE_BACKBONE_SHAPE": None,
    "DETECTION_MAX_INSTANCES": 50,
    "DETECTION_MIN_CONFIDENCE": 0,
    "DETECTION_NMS_THRESHOLD": 0.4,
    "GPU_COUNT": 1,
    "IMAGE_META_SIZE": 15,
    "IMAGE_RESIZE_MODE": "pad64",
    "IMAGE_SHAPE": np.array([512, 512, 3]),
    "LOSS_WEIGHTS": {"rpn_class_loss": 1.0, "rpn_bbox_loss": 1.0},
    "MEAN_PIXEL": np.array([43.53, 39.5, 48.0]),
    "MINI_MASK_SHAPE": (56, 56),
    "NAME": "nucleus",
    "NUM_CLASSES": 3,
    "RPN_ANCHOR_RATIOS": [0.5, 1, 2],
    "RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128),
    "STEPS_PER_EPOCH": 657,
    "USE_MINI_MASK": True,
    "MY_OWN_SETTING": "x",
}
"""As the nucleus sample's Config has them, NumPy arrays and tuples among them, and one setting of its own."""

EXPECTED = Config(
    backbone="resnet50",
    num_classes=3,
    detection_max_instances=50,
    detection_min_confidence=0.0,
    detection_nms_threshold=0.4,
    image_resize_mode="pad64",
    mean_pixel=(43.53, 39.5, 48.0),
    rpn_anchor_ratios=(0.5, 1, 2),
    rpn_anchor_scales=(8, 16, 32, 64, 128),
)


def displayed() -> str:
    """As `Config.display` prints: names up to a column, after a line of the log."""
    lines = "\n".join(f"{name:30} {value}" for name, value in MATTERPORTS.items())
    return f"Using TensorFlow backend.\n\nConfigurations:\n{lines}\n\n\n"


def as_lists() -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in MATTERPORTS.items()}


def as_yaml() -> str:
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in as_lists().items())


FORMS = {
    "display": displayed(),
    "display on Windows": displayed().replace("\n", "\r\n"),
    "display in PowerShell": displayed(),
    "json": json.dumps(as_lists(), indent=2),
    "json of what cannot be dumped as text": json.dumps(MATTERPORTS, default=str),
    "json with a mark": "\ufeff" + json.dumps(as_lists()),
    "yaml": "# of our best run\n" + as_yaml(),
    "yaml of tuples": as_yaml().replace(
        "MINI_MASK_SHAPE: [56, 56]", "MINI_MASK_SHAPE: !!python/tuple\n- 56\n- 56"
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_matterports_config_is_read_and_what_was_passed_over_is_named(tmp_path: Path, form: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(FORMS[form].encode("utf-16" if "PowerShell" in form else "utf-8"))

    found = read_config_file(path)

    assert Config.from_json(found.values) == EXPECTED
    assert {"GPU_COUNT", "NAME", "IMAGE_SHAPE", "LOSS_WEIGHTS", "USE_MINI_MASK"} <= set(found.not_needed)
    assert found.unknown == ["MY_OWN_SETTING"]
    assert found.sentence.startswith("not needed for serving: BATCH_SIZE, ")
    assert found.sentence.endswith("; unknown: MY_OWN_SETTING")


def test_own_names_are_left_to_config_to_check(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"detection_nms_threshold": 0.4, "closer_scale": 2.0, "learning_rate": 0.1, "typo": 1}')

    found = read_config_file(path)

    assert found.values == json.loads(path.read_text())
    assert found.sentence == ""
    with pytest.raises(ValueError, match="Config has no typo"):
        Config.from_json(found.values)


@pytest.mark.parametrize(("padding", "mode"), [("True", "square"), ("False", "none")])
def test_the_first_versions_image_padding_is_a_resize_mode(tmp_path: Path, padding: str, mode: str) -> None:
    path = tmp_path / "config.txt"
    path.write_text(f"IMAGE_MAX_DIM                  1024\nIMAGE_PADDING                  {padding}\n")

    assert read_config_file(path).values == {"image_max_dim": 1024, "image_resize_mode": mode}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        '{"IMAGE_MIN_DIM": 800,',
        "just words",
        "BBOX: !!python/object/apply:os.system ['ls']",
        "\0\1\2",
    ],
)
def test_a_file_without_values_is_refused_in_a_line_that_says_what_would_do(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"^--config config.json is not JSON or YAML .*display") as refused:
        read_config_file(path)
    assert "\n" not in str(refused.value)


def test_python_is_not_run_and_what_to_name_instead_is_said(tmp_path: Path) -> None:
    path = tmp_path / "balloon.py"
    path.write_text("class BalloonConfig(Config):\n    NUM_CLASSES = 2\n")

    with pytest.raises(ValueError, match=r"balloon.py is Python code, .*config\.display\(\)"):
        read_config_file(path)
