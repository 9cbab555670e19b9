"""Assumptions: the input values of a foreign graph, as far as its file does not tell them."""

from __future__ import annotations

from typing import Any, Protocol

from model.families.graphs.graph import Graph
from model.families.graphs.source import GraphError
from model.families.pixels import ValueRange


class Said(Protocol):
    """Chooses a value."""

    def __call__(self, name: str, default: Any, sentence: str = "") -> Any:
        """What the user or the file says; else the default, which the sentence reports."""


def input_values(graph: Graph, asked: ValueRange | None, said: Said) -> dict[str, Any]:
    """`channels`, `value_range`, `mean` and `std` for a graph.

    Args:
        graph: the graph that was read.
        asked: the user's value range.
        said: chooses each value.

    Raises:
        GraphError: the value range contradicts the file.
    """
    values: dict[str, Any] = {"channels": "grey"}
    if graph.channels != 1:
        sentence = "Its three channels are assumed to be red, green, blue (--channels bgr if not)."
        values["channels"] = said("channels", "rgb", sentence)
    if graph.takes_bytes:
        if asked not in (None, "0-255"):
            raise GraphError(
                f"{graph.name} takes whole numbers from 0 to 255: omit --value-range, or give 0-255"
            )
        values["value_range"] = "0-255"
    elif graph.scales_down:
        sentence = "It scales its own input, so it gets values from 0 to 255 (--value-range changes that)."
        values["value_range"] = said("value_range", "0-255", sentence)
    else:
        sentence = "Its input is assumed to be from 0 to 1 (--value-range 0-255 or -1-1 if not)."
        values["value_range"] = said("value_range", "0-1", sentence)
    return {**values, "mean": said("mean", ()), "std": said("std", ())}


def lacks_normalization(graph: Graph, values: dict[str, Any]) -> bool:
    """Whether the input of a graph that may need a mean and a deviation has none."""
    return not values["mean"] and not values["std"] and not graph.takes_bytes


NOT_NORMALIZED = "Its input is not normalised by a mean and a deviation (--mean, --std)."
