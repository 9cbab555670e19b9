"""Tables, as HTML in a notebook and printed elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

LARGEST_USUAL_WEIGHT = 1000


def display_table(table: Iterable[Iterable[Any]]) -> None:
    """Show rows of values. In a notebook, strings may contain HTML; elsewhere, its tags are left out."""
    rows = [[str(value) for value in row] for row in table]
    ipython = sys.modules.get("IPython")  # a notebook has imported it
    if ipython is None or ipython.get_ipython() is None:
        for row in rows:
            print("  ".join(f"{re.sub('<[^>]*>', '', value):40}" for value in row).rstrip())
        return
    from IPython.display import HTML, display

    cells = ("".join(f"<td>{value}</td>" for value in row) for row in rows)
    display(HTML(f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"))


def display_weight_stats(model: Any) -> None:
    """Show least, greatest and standard deviation of each trainable weight of a `mrcnn.model.MaskRCNN`.

    Weights that are all the same (but for biases of convolutions, which start so) or exceed 1000 are marked.
    """
    table = [["WEIGHT NAME", "SHAPE", "MIN", "MAX", "STD"]]
    for layer in model.get_trainable_layers():
        for index, (variable, values) in enumerate(zip(layer.weights, layer.get_weights(), strict=True)):
            alert = ""
            is_bias = type(layer).__name__ == "Conv2D" and index == 1
            if values.min() == values.max() and not is_bias:
                alert += "<span style='color:red'>*** dead?</span>"
            if np.abs(values).max() > LARGEST_USUAL_WEIGHT:
                alert += "<span style='color:red'>*** Overflow?</span>"
            name = f"{layer.name}/{variable.name}{alert}"
            numbers = [f"{values.min():+9.4f}", f"{values.max():+10.4f}", f"{values.std():+9.4f}"]
            table.append([name, str(values.shape), *numbers])
    display_table(table)
