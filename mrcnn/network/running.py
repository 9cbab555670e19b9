"""Running: computes chosen outputs of the network for some pictures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy.typing as npt

from mrcnn.logging_arrays import log
from mrcnn.network.named import named_by
from mrcnn.network.values import Values


def run(values: Values, outputs: Iterable[tuple[str, Any]]) -> OrderedDict[str, npt.NDArray]:
    """The value of each output under the name that it is given with, and print their shapes and ranges.

    Args:
        values: of the pictures.
        outputs: pairs of a name and an output of a layer, or a `NamedValue`.

    Raises:
        ValueError: an output is None or of another model.
    """
    wanted = OrderedDict(outputs)
    if lacking := [name for name, output in wanted.items() if output is None]:
        raise ValueError(f"{', '.join(lacking)}: None is not an output; `ancestor` found no such node")
    answers: OrderedDict[str, npt.NDArray] = OrderedDict()
    for name, output in wanted.items():
        known = named_by(output)
        answers[name] = known.of(values) if known else values.of(output)
        log(name, answers[name])
    return answers
