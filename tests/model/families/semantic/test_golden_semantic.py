"""Foreign models whose own answers were recorded answer the same, imported and asked through the service."""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from app import create_app
from model.__main__ import main
from model.segmenter import load

MEAN, STD = "0.485,0.456,0.406", "0.229,0.224,0.225"


def mask_from_service(name: str, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Where the label map of a model's answer is not the background."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    client = create_app({name: load(name, precision="f32")}).test_client()
    response = client.post("/api/v1/segment?output=labelmap", data=file.getvalue(), content_type="image/png")
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.data))) > 0


def iou(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def unpacked(shared: Path, name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(lzma.decompress((shared / "golden" / f"{name}.xz").read_bytes()))
    return path


def test_a_unet_of_segmentation_models_pytorch(model_dir: Path, shared: Path, tmp_path: Path) -> None:
    path = unpacked(shared, "unet_efficientnet_b0_people.onnx", tmp_path)
    words = ["--task", "semantic", "--name", "smp", "--mean", MEAN, "--std", STD]

    assert main(["import", str(path), *words]) == 0

    recorded = sorted((shared / "golden").glob("unet_efficientnet_b0_people_*.npz"))
    assert len(recorded) == 2
    for file in recorded:
        golden = np.load(file)
        assert iou(mask_from_service("smp", golden["image"]), golden["output"][0, 0] > 0) >= 0.995


@pytest.mark.parametrize("threshold", ["0.5", "0.73"])
def test_a_unet_that_keras_2_saved(model_dir: Path, shared: Path, tmp_path: Path, threshold: str) -> None:
    path = unpacked(shared, "unet_membrane_keras2.h5", tmp_path)
    words = ["--task", "semantic", "--name", "membrane", "--threshold", threshold]

    assert main(["import", str(path), *words]) == 0

    golden = np.load(shared / "golden" / "unet_membrane_keras2.npz")
    expected = golden["output"].reshape(256, 256).astype(np.float32) >= float(threshold)
    assert iou(mask_from_service("membrane", golden["image"]), expected) >= 0.995
