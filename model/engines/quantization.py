"""Quantization: converts stages to int8 with NNCF, calibrated with pictures."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Collection, Iterator, Sequence

import nncf
import numpy as np
import numpy.typing as npt
import openvino as ov
from nncf.common.factory import build_graph
from nncf.common.quantization.quantizer_removal import revert_operations_to_floating_point_precision
from nncf.openvino.quantization.backend_parameters import BackendParameters
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix, RestoreMode
from nncf.quantization.algorithms.accuracy_control.algorithm import QuantizationAccuracyRestorer
from nncf.quantization.algorithms.accuracy_control.evaluator import Evaluator
from nncf.quantization.algorithms.accuracy_control.openvino_backend import OVAccuracyControlAlgoBackend
from nncf.quantization.algorithms.accuracy_control.ranker import Ranker
from openvino._offline_transformations import compress_quantize_weights_transformation
from tqdm import tqdm

from model.engines.conversion import Models
from model.engines.core import use_own_signal_stack
from model.engines.pacing import in_time
from model.engines.stages import StageSpec

Image = npt.NDArray[np.uint8]
StageInputs = list[npt.NDArray]
InputsOf = Callable[[str, Image], StageInputs | None]
"""A function from a stage's name and an image, uint8 (H, W, 3), RGB, to the stage's inputs; None: the image
does not reach the stage."""
OVERFLOW_FIX = OverflowFix.ENABLE
"""Weights use only 7 of their 8 bits: processors without VNNI add two products in 16 bits, which would
otherwise overflow, so that the answers would depend on the processor."""

_NNCF = OVAccuracyControlAlgoBackend()
"""The OpenVINO backend of NNCF's accuracy control. The accuracy control itself is not used: it has no time
limit, and it compiles models with dynamic shapes, with which OpenVINO runs some int8 trunks wrongly."""

nncf.set_log_level(logging.ERROR)


class Calibration:
    """Typical pictures, and the function that computes the inputs of each stage from them."""

    def __init__(self, inputs_of: InputsOf, images: Sequence[Image], seconds: float = math.inf) -> None:
        """Keep what int8 is calibrated with.

        Args:
            inputs_of: returns a stage's inputs for its name and an image; None: the image does not reach it.
            images: about a hundred images, uint8 (H, W, 3), RGB.
            seconds: the time limit for one pass of a stage through the images; the remaining images are not
                used.
        """
        self.inputs_of = inputs_of
        self.images = images
        self.seconds = seconds


def quantize(stages: Sequence[StageSpec], models: Models, calibration: Calibration) -> Models:
    """Return the stages with int8 convolutions and dense layers; `models` are not changed."""
    return {
        stage.name: _quantize(stage, models[stage.name], calibration, compress_weights=True)
        for stage in stages
    }


class Int8Stage:
    """A stage in int8 whose layers can be made exact again one by one.

    A layer is the smallest unit that can change its precision: an operation, or several operations that share
    a quantised input.

    Attributes:
        layers: the number of layers.
    """

    def __init__(self, stage: StageSpec, model: ov.Model, calibration: Calibration) -> None:
        """Quantise a copy of `model`."""
        # Uncompressed: the original weights are kept, and operations after them round them at run time.
        self._quantized = _quantize(stage, model, calibration, compress_weights=False)
        self._graph = build_graph(self._quantized)
        # Needed for layers that are made exact again, because quantisation shifts biases too.
        QuantizationAccuracyRestorer._collect_original_biases_and_weights(
            build_graph(model), self._graph, model, _NNCF
        )
        ranker = Ranker(0, nncf.Dataset([]), _NNCF, Evaluator(lambda model, items: (0.0, None)))
        groups = ranker.find_groups_of_quantizers_to_rank(self._graph)
        self._groups = [group for group in groups if group.operations]
        self.layers = len(self._groups)

    def with_exact(self, layers: Collection[int]) -> ov.Model:
        """Return the stage with these layers exact; layers are numbered from 0, which is the last one."""
        groups = [self._groups[layer] for layer in layers]
        if not groups:
            return self._quantized
        return revert_operations_to_floating_point_precision(
            [operation for group in groups for operation in group.operations],
            [quantizer for group in groups for quantizer in group.quantizers],
            self._quantized,
            self._graph,
            RestoreMode.ACTIVATIONS_AND_WEIGHTS,
            _NNCF.get_op_with_weights_metatypes(),
            _NNCF.is_node_with_weight,
            _NNCF.get_weight_tensor_port_ids,
        )

    def compressed(self, layers: Collection[int] = ()) -> ov.Model:
        """Return the same stage for saving: the weights of the other layers are stored as int8."""
        model = self.with_exact(layers).clone()
        compress_quantize_weights_transformation(model)
        return model


def _quantize(
    stage: StageSpec, model: ov.Model, calibration: Calibration, *, compress_weights: bool
) -> ov.Model:
    """Return a stage with int8 convolutions and dense layers; `model` is not changed."""
    # Printed above NNCF's progress bars, which do not name the stage.
    tqdm.write(f"calibrating int8 of {stage.name} with {len(calibration.images)} pictures", file=sys.stderr)
    parameters = AdvancedQuantizationParameters(
        overflow_fix=OVERFLOW_FIX,
        backend_params={BackendParameters.COMPRESS_WEIGHTS: compress_weights},
    )
    inputs = _Inputs(stage.name, calibration)
    try:
        made = nncf.quantize(
            model,
            nncf.Dataset(inputs),
            subset_size=len(calibration.images),
            ignored_scope=nncf.IgnoredScope(patterns=list(stage.exact), validate=False),
            advanced_parameters=parameters,
        )
    except nncf.ValidationError:
        if inputs.reached is not False:
            raise
        tqdm.write(
            f"int8 of {stage.name}: it stays exact, because none of these pictures reach it", file=sys.stderr
        )
        return model
    finally:
        use_own_signal_stack()  # NNCF creates OpenVINO cores of its own
    if len(inputs.images) < len(calibration.images):
        tqdm.write(
            f"int8 of {stage.name}: calibrated with {len(inputs.images)} of {len(calibration.images)} "
            "pictures, as many as the time limit allowed; raise --minutes to use more",
            file=sys.stderr,
        )
    return made


class _Inputs:
    """A stage's inputs, recomputed on each pass: the features of a hundred pictures would fill the memory.

    NNCF iterates over them once, or twice if it first balances the channels of layers.

    Attributes:
        images: the images they are computed from; after a pass that ran out of time, those that it used.
        reached: whether any image has reached the stage; None: no pass has begun.
    """

    def __init__(self, stage: str, calibration: Calibration) -> None:
        self.stage = stage
        self.images = calibration.images
        self.reached: bool | None = None
        self._calibration = calibration

    def __iter__(self) -> Iterator[StageInputs]:
        seen = []
        self.reached = self.reached or False
        for index in in_time(len(self.images), self._calibration.seconds):
            seen.append(self.images[index])
            inputs = self._calibration.inputs_of(self.stage, self.images[index])
            if inputs is not None:
                self.reached = True
                yield inputs
        self.images = seen  # not executed if every image gave an input: NNCF then stops early
