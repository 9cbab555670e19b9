"""Quantization: the stages in int8, by NNCF from pictures."""

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
"""From a stage's name and an image, uint8 (H, W, 3), RGB, to what reaches that stage; None: nothing."""
OVERFLOW_FIX = OverflowFix.ENABLE
"""Weights keep to 7 of their 8 bits: processors without VNNI add two products in 16 bits, where they would
overflow, and the answers would depend on the processor."""

_NNCF = OVAccuracyControlAlgoBackend()
"""What NNCF's own accuracy control knows of OpenVINO's graphs. That control itself has no end in time, and
compiles models with open sizes, in which OpenVINO runs some int8 trunks wrongly."""

nncf.set_log_level(logging.ERROR)


class Calibration:
    """Pictures such as will come, and what each stage sees of them."""

    def __init__(self, inputs_of: InputsOf, images: Sequence[Image], seconds: float = math.inf) -> None:
        """What int8 is made from.

        Args:
            inputs_of: from a stage's name and an image to what reaches the stage; None: nothing.
            images: some hundred, uint8 (H, W, 3), RGB.
            seconds: for a stage to look at them: of those that are left by then it sees nothing.
        """
        self.inputs_of = inputs_of
        self.images = images
        self.seconds = seconds


def quantize(stages: Sequence[StageSpec], models: Models, calibration: Calibration) -> Models:
    """The stages with int8 convolutions and dense layers; `models` are left as they are."""
    return {
        stage.name: _quantize(stage, models[stage.name], calibration, compress_weights=True)
        for stage in stages
    }


class Int8Stage:
    """A stage in int8, of which single layers can be made exact again.

    A layer is what changes its precision together: an operation, or several that share a quantised input.

    Attributes:
        layers: how many there are.
    """

    def __init__(self, stage: StageSpec, model: ov.Model, calibration: Calibration) -> None:
        """Quantise `model`, which is left as it is."""
        # Uncompressed: weights stay as they were, behind the operations that round them where they are used.
        self._quantized = _quantize(stage, model, calibration, compress_weights=False)
        self._graph = build_graph(self._quantized)
        # For those layers that are made exact: quantising shifts biases too.
        QuantizationAccuracyRestorer._collect_original_biases_and_weights(
            build_graph(model), self._graph, model, _NNCF
        )
        ranker = Ranker(0, nncf.Dataset([]), _NNCF, Evaluator(lambda model, items: (0.0, None)))
        groups = ranker.find_groups_of_quantizers_to_rank(self._graph)
        self._groups = [group for group in groups if group.operations]
        self.layers = len(self._groups)

    def with_exact(self, layers: Collection[int]) -> ov.Model:
        """The stage with these layers, of 0 to `layers` - 1 from the last on, as they were."""
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
        """The same to be kept: the weights of the other layers are int8 numbers."""
        model = self.with_exact(layers).clone()
        compress_quantize_weights_transformation(model)
        return model


def _quantize(
    stage: StageSpec, model: ov.Model, calibration: Calibration, *, compress_weights: bool
) -> ov.Model:
    """A stage with int8 convolutions and dense layers; `model` is left as it is."""
    # Above NNCF's own bars, which do not name the stage.
    tqdm.write(f"int8 of {stage.name}: look at {len(calibration.images)} pictures", file=sys.stderr)
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
            f"int8 of {stage.name}: it stays exact, as none of these pictures reach it", file=sys.stderr
        )
        return model
    finally:
        use_own_signal_stack()  # it has cores of its own
    if len(inputs.images) < len(calibration.images):
        tqdm.write(
            f"int8 of {stage.name}: looked at {len(inputs.images)} of {len(calibration.images)} pictures, as "
            "many as there is time for: more --minutes take more of them",
            file=sys.stderr,
        )
    return made


class _Inputs:
    """A stage's inputs, made anew on each pass: the features of a hundred pictures would fill the memory.

    NNCF goes through them once or, where it first balances the channels of layers, twice.

    Attributes:
        images: of which it makes them; where the time for a pass was up, those that it came to.
        reached: whether anything has reached the stage; None: no picture has been looked at.
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
        self.images = seen  # not reached where NNCF has got as many inputs as there are images
