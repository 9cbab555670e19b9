"""Stages: which engine runs the network, TensorFlow or compiled stages of the same weights."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.engines.choice import ENGINES, ChoiceError
from model.families.mask_rcnn.inference import Stages
from model.families.mask_rcnn.network import MaskRCNN as Network
from model.families.mask_rcnn.network import runner_of
from model.families.mask_rcnn.stages import STAGES, EngineStages

LOG = logging.getLogger(__name__)

PICTURES_BEFORE_COMPILING = 16
"""TensorFlow answers for the first ones: compiling takes about as long as what it saves on that many."""
COMPILED_PRECISIONS = ("f32", "bf16")


class EngineChoice:
    """Gives the stages that run the network; threads may share it.

    MASKSERVE_ENGINE "tensorflow" never compiles the stages, "openvino" does so for the first picture. If the
    weights change, the stages are compiled anew.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._lock = threading.Lock()
        self._tensorflow: Stages | None = None
        self._compiled: Stages | None = None
        self._pictures = 0
        self._weights: list[npt.NDArray] | None = None
        self._weights_now = tf.function(lambda: [one.value.read_value() for one in _variables(network)])

    def next(self) -> Stages:
        """The stages for the next picture.

        Raises:
            ChoiceError: MASKSERVE_ENGINE or MASKSERVE_PRECISION is wrong.
        """
        engine, precision = _wishes()
        with self._lock:
            if engine == "tensorflow":
                return self._by_tensorflow()
            weights = [np.asarray(one) for one in self._weights_now()]
            if self._weights is None or not _same(weights, self._weights):
                self._weights, self._compiled, self._pictures = weights, None, 0
            if self._compiled is None and (engine or self._pictures >= PICTURES_BEFORE_COMPILING):
                self._compiled = _compiled(self._network, precision)
            self._pictures += 1
            return self._compiled or self._by_tensorflow()

    def _by_tensorflow(self) -> Stages:
        if self._tensorflow is None:
            self._tensorflow = EngineStages(runner_of(self._network), self._network.config)
        return self._tensorflow


def _wishes() -> tuple[str, str]:
    engine = os.environ.get("MASKSERVE_ENGINE", "")
    precision = os.environ.get("MASKSERVE_PRECISION", "") or "f32"
    if engine and engine not in ENGINES:
        raise ChoiceError(
            f"MASKSERVE_ENGINE is {engine!r}: set it to one of {', '.join(ENGINES)}, or unset it"
        )
    if precision not in COMPILED_PRECISIONS:
        raise ChoiceError(
            f"MASKSERVE_PRECISION is {precision!r}: mrcnn runs {' or '.join(COMPILED_PRECISIONS)}; for int8, "
            "import the weights (python -m model import) and export the model"
        )
    if engine == "tensorflow" and precision != "f32":
        raise ChoiceError(f"the tensorflow engine supports f32, not {precision}: unset MASKSERVE_PRECISION")
    return engine, precision


def _variables(network: Network) -> list:
    return [variable for layer in network.layers for variable in layer.weights]


def _same(weights: list[npt.NDArray], earlier: list[npt.NDArray]) -> bool:
    """Whether none has changed.

    As long as an array of `earlier` is held, TensorFlow gives a changed variable other memory. So the same
    memory is the same weight, and hardly any is compared by its numbers, which takes longer than a sum.
    """
    return all(
        np.may_share_memory(one, before) or np.array_equal(one, before, equal_nan=True)
        for one, before in zip(weights, earlier, strict=True)
    )


def _compiled(network: Network, precision: str) -> Stages:
    from model.engines.conversion import convert, save
    from model.engines.openvino import OpenVINORunner

    LOG.info("compiling the network for faster detection")
    with tempfile.TemporaryDirectory() as folder:
        save(convert(runner_of(network)), Path(folder), in_16_bits=False)
        runner = OpenVINORunner.open(Path(folder), STAGES, precision, largest_picture=None)
    return EngineStages(runner, network.config)
