"""A model that cannot be written is an error of the system, which whoever writes beside it can tell of."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13

from model.engines import saving
from model.engines.saving import save_model


@pytest.fixture
def model() -> ov.Model:
    picture = opset13.parameter([4], np.float32)
    return ov.Model(
        [opset13.result(opset13.add(picture, opset13.constant(np.ones(4, np.float32))))], [picture]
    )


def test_a_model_becomes_two_files(model: ov.Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "a.xml", in_16_bits=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "a.xml"]


@pytest.mark.parametrize(("free", "number"), [(7, errno.ENOSPC), (10**9, None)])
def test_what_stands_in_the_way_is_told(
    model: ov.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, number: int | None
) -> None:
    monkeypatch.setattr(saving, "free_bytes", lambda _: free)  # of a model of 8 bytes
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(OSError, match=r"a\.xml") as raised:
        save_model(model, tmp_path / "a.xml", in_16_bits=True)
    assert raised.value.errno == number
