"""Quantization: the stages in int8, by NNCF from pictures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from unittest import mock

import nncf
import numpy as np
import numpy.typing as npt
import openvino as ov
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
from nncf.quantization.algorithms.accuracy_control import openvino_backend
from nncf.quantization.algorithms.accuracy_control.backend import PreparedModel
from tqdm import tqdm

from model.engines.conversion import Models
from model.engines.stages import StageSpec

Image = npt.NDArray[np.uint8]
StageInputs = list[npt.NDArray]
InputsOf = Callable[[str, Image], StageInputs | None]
"""From a stage's name and an image, uint8 (H, W, 3), RGB, to what reaches that stage; None: nothing."""
LAYERS = ("Convolution", "ConvolutionBackpropData", "GroupConvolution", "MatMul")
"""Types of operations that become int8; accuracy control measures about once for each."""
PARAMETERS = AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE)
"""Weights keep to 7 of their 8 bits: processors without VNNI add two products in 16 bits, where they would
overflow, and the answers would depend on the processor."""

nncf.set_log_level(logging.ERROR)


class Calibration:
    """Pictures such as will come, and what each stage sees of them."""

    def __init__(self, inputs_of: InputsOf, images: Sequence[Image]) -> None:
        """What reaches a stage, by its name, for an image; and some hundred images, uint8 (H, W, 3), RGB."""
        self.inputs_of = inputs_of
        self.images = images


def quantize(stages: Sequence[StageSpec], models: Models, calibration: Calibration) -> Models:
    """The stages with int8 convolutions and dense layers; `models` are left as they are."""
    return {
        stage.name: nncf.quantize(
            models[stage.name],
            nncf.Dataset(_Inputs(stage.name, calibration)),
            subset_size=len(calibration.images),
            ignored_scope=_exact(stage),
            advanced_parameters=PARAMETERS,
        )
        for stage in stages
    }


def quantize_with_control(
    stage: StageSpec,
    model: ov.Model,
    calibration: Calibration,
    score: Callable[[ov.Model], float],
    largest_loss: float,
) -> ov.Model:
    """A stage in int8 but for the layers that must stay exact, or `score` would lose more than that.

    For stages that `quantize` harms: it measures again and again, and takes many times longer. `score` gets
    models that are not compiled.
    """
    layers = sum(op.get_type_name() in LAYERS for op in model.get_ops())
    progress = tqdm(total=layers, desc=f"int8 of {stage.name}, a layer at a time", unit="measurement")

    def measured(candidate: ov.Model) -> float:
        result = score(candidate)
        progress.total = max(progress.total, progress.n + 1)  # some layers are tried more than once
        progress.update()
        return result

    # NNCF would compile them itself, with open sizes, in which OpenVINO runs some int8 trunks wrongly.
    with progress, mock.patch.object(openvino_backend, "OVPreparedModel", _NotCompiled):
        return nncf.quantize_with_accuracy_control(
            model,
            nncf.Dataset(_Inputs(stage.name, calibration)),
            nncf.Dataset([None]),  # `score` brings its own pictures
            lambda candidate, _: (measured(candidate), None),
            max_drop=largest_loss,
            subset_size=len(calibration.images),
            ignored_scope=_exact(stage),
            advanced_quantization_parameters=PARAMETERS,
        )


def _exact(stage: StageSpec) -> nncf.IgnoredScope:
    return nncf.IgnoredScope(patterns=list(stage.exact), validate=False)


class _NotCompiled(PreparedModel):
    """A model as NNCF's accuracy control hands it to be measured."""

    def __init__(self, model: ov.Model) -> None:
        self._model = model

    @property
    def model_for_inference(self) -> ov.Model:
        return self._model

    @property
    def engine(self) -> object:
        raise NotImplementedError("the score is one number for all pictures")


class _Inputs:
    """A stage's inputs, made anew on each pass: the features of a hundred pictures would fill the memory."""

    def __init__(self, stage: str, calibration: Calibration) -> None:
        self.stage = stage
        self.calibration = calibration

    def __iter__(self) -> Iterator[StageInputs]:
        for image in tqdm(self.calibration.images, desc=f"calibrate {self.stage}", unit="image"):
            inputs = self.calibration.inputs_of(self.stage, image)
            if inputs is not None:
                yield inputs
