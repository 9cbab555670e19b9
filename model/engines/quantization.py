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

from model.engines.conversion import Models
from model.families.mask_rcnn.anchors import pyramid_anchors
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.detections import refine
from model.families.mask_rcnn.inference import Features, Stages
from model.families.mask_rcnn.molding import mold
from model.families.mask_rcnn.proposals import propose
from model.families.mask_rcnn.sampling import sample

Image = npt.NDArray[np.uint8]
StageInputs = list[npt.NDArray]
EXACT = nncf.IgnoredScope(patterns=[".*roi_align.*"], validate=False)
"""RoIAlign only moves and averages features: there is nothing to win."""
ROIS_OF_A_PICTURE = 256
"""That the box head is calibrated with: the best proposals, among which the objects are."""
PARAMETERS = AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE)
"""Weights keep to 7 of their 8 bits: processors without VNNI add two products in 16 bits, where they would
overflow, and the answers would depend on the processor."""

nncf.set_log_level(logging.ERROR)


class Calibration:
    """Pictures such as will come, and what each stage sees of them."""

    def __init__(self, reference: Stages, config: Config, images: Sequence[Image]) -> None:
        """The stages in full precision, their config, and some hundred images, uint8 (H, W, 3), RGB."""
        self.reference = reference
        self.config = config
        self.images = images

    def inputs_of(self, stage: str, image: Image) -> StageInputs | None:
        """What reaches the stage for an image; None: nothing."""
        molded = mold(image, self.config)
        if stage == "trunk":
            return [molded.picture]
        features, objectness, deltas = self.reference.trunk(molded.picture)
        anchors = pyramid_anchors(self.config, *molded.shape)
        rois = propose(objectness[0], deltas[0], anchors, self.config, ROIS_OF_A_PICTURE)
        if stage == "box_head":
            return self._of_rois(features, rois, self.config.pool_size)
        logits, box_deltas = self.reference.box_head(features, rois[None])
        found = refine(rois, logits[0], box_deltas[0], molded.normalized_window, self.config)
        if not len(found):
            return None
        inputs = self._of_rois(features, found.boxes, self.config.mask_pool_size)
        return [*inputs, found.class_ids[None]]

    def _of_rois(self, features: Features, rois: Floats, size: int) -> StageInputs:
        return [np.asarray(features.cells), *sample(rois[None], features.picture_shape, size)]


def quantize(models: Models, calibration: Calibration) -> Models:
    """The stages with int8 convolutions and dense layers; `models` are left as they are."""
    return {
        name: nncf.quantize(
            model,
            nncf.Dataset(_Inputs(name, calibration)),
            subset_size=len(calibration.images),
            ignored_scope=EXACT,
            advanced_parameters=PARAMETERS,
        )
        for name, model in models.items()
    }


def quantize_with_control(
    trunk: ov.Model, calibration: Calibration, score: Callable[[ov.Model], float], largest_loss: float
) -> ov.Model:
    """The trunk in int8 but for the layers that must stay exact, or `score` would lose more than that.

    For trunks that `quantize` harms: it measures again and again, and takes many times longer. `score` gets
    trunks that are not compiled.
    """
    # NNCF would compile them itself, with open sizes, in which OpenVINO runs some int8 trunks wrongly.
    with mock.patch.object(openvino_backend, "OVPreparedModel", _NotCompiled):
        return nncf.quantize_with_accuracy_control(
            trunk,
            nncf.Dataset(_Inputs("trunk", calibration)),
            nncf.Dataset([None]),  # `score` brings its own pictures
            lambda model, _: (score(model), None),
            max_drop=largest_loss,
            subset_size=len(calibration.images),
            ignored_scope=EXACT,
            advanced_quantization_parameters=PARAMETERS,
        )


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
        for image in self.calibration.images:
            inputs = self.calibration.inputs_of(self.stage, image)
            if inputs is not None:
                yield inputs
