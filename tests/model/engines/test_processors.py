"""Precisions, by what OpenVINO says that a processor can do: each kind runs the models in one of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from model.engines import openvino
from model.engines.choice import choices

EVERYWHERE = ["BIN", "EXPORT_IMPORT"]
AMX = ["FP32", "BF16", "FP16", "INT8", *EVERYWHERE]
AVX2 = ["FP32", "INT8", *EVERYWHERE]
ARM_WITH_BF16 = ["FP32", "BF16", "FP16", "INT8", *EVERYWHERE]
ARM = ["FP32", "FP16", "INT8", *EVERYWHERE]
ARM_WITHOUT_INT8 = ["FP32", "FP16", *EVERYWHERE]


@pytest.mark.parametrize(
    ("capabilities", "passed", "runs", "rest"),
    [
        (AMX, {"f32": True, "int8": True}, "int8", "bf16"),
        (AVX2, {"f32": True, "int8": True}, "int8", "f32"),
        (ARM_WITH_BF16, {"f32": True, "int8": False}, "bf16", "bf16"),
        (ARM, {"f32": True, "int8": True}, "int8", "f32"),
        (ARM, {"f32": True}, "f32", "f32"),
        (ARM_WITHOUT_INT8, {"f32": True, "int8": True}, "f32", "f32"),
        (["FP32"], {"f32": True, "int8": True}, "f32", "f32"),
    ],
    ids=["AMX", "AVX2", "Arm with bf16", "Arm", "Arm, no int8 stages", "Arm without int8", "the least"],
)
def test_the_fastest_precision_of_the_processor_runs_and_f16_never(
    monkeypatch: pytest.MonkeyPatch, capabilities: list[str], passed: dict[str, bool], runs: str, rest: str
) -> None:
    core = SimpleNamespace(get_property=lambda device, name: capabilities)
    monkeypatch.setattr(openvino, "new_core", lambda: core)
    able = openvino.precisions_of_processor()
    chosen = choices("nuclei", passed, able)[0]
    assert (chosen.engine, chosen.precision) == ("openvino", runs)
    # The rest of int8 stages, and all of bf16's: told to OpenVINO, whose own default on Arm is f16.
    assert openvino.hint_for(chosen.precision) == rest
