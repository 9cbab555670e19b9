"""Specification: combines facts from a classifier's file, the user's options and defaults into one config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from model.families.classifier.foreign.config import FOREIGN, ForeignConfig
from model.families.classifier.importing import THRESHOLD
from model.families.graphs.assumptions import NOT_NORMALIZED, input_values, lacks_normalization
from model.families.graphs.graph import Graph
from model.families.graphs.source import GraphError, Layout
from model.families.pixels import Activation, Channels, ValueRange, channel_count
from model.storage.manifest import Manifest

TAKEN_OVER = ("channels", "value_range", "mean", "std", "activation")
"""Config values that a classifier takes over from the one that it replaces."""


@dataclass(frozen=True)
class Options:
    """The user's options for a classifier; None: not given.

    Attributes:
        classes: names, in the order of the scores.
        layout: of the input.
        output: the name of the output to use.

    The other attributes are as in ForeignConfig, and `threshold` as in a manifest.
    """

    classes: Sequence[str] | None = None
    size: tuple[int, int] | None = None
    channels: Channels | None = None
    value_range: ValueRange | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    activation: Activation | None = None
    threshold: float | None = None
    output: str | None = None
    layout: Layout | None = None

    def completed(self, manifest: Manifest) -> Options:
        """These options; those that are not given are those of another classifier that was imported."""
        others: dict[str, Any] = {"classes": manifest.classes, "threshold": manifest.threshold}
        if manifest.config.get("network") == FOREIGN:
            config = ForeignConfig.from_json(manifest.config)
            others |= {name: getattr(config, name) for name in TAKEN_OVER}
            if config.channels == "grey":  # known from the file
                del others["channels"]
        silent = {field.name for field in fields(self) if getattr(self, field.name) is None}
        return replace(self, **{name: others[name] for name in silent & others.keys()})

    @property
    def channel_count(self) -> int | None:
        """C, if the channels are given."""
        return None if self.channels is None else channel_count(self.channels)


@dataclass(frozen=True)
class Specification:
    """The values for a bundle's manifest.

    Attributes:
        config: of the graph.
        classes: names.
        threshold: the least probability of a class to be believed.
        sentences: the assumptions that were made, for the user to check.
    """

    config: ForeignConfig
    classes: list[str]
    threshold: float
    sentences: tuple[str, ...]


def specify(graph: Graph, options: Options) -> Specification:
    """The whole specification of an import.

    Raises:
        GraphError: the options contradict the file; the message says what would fit.
    """
    return _Specifier(graph, options).specification()


class _Specifier:
    """Chooses the values one by one, and records assumptions."""

    def __init__(self, graph: Graph, options: Options) -> None:
        self.graph = graph
        self.options = options
        self.sentences = list(graph.sentences)

    def specification(self) -> Specification:
        graph = self.graph
        assert graph.size is not None
        self.sentences.append(
            f"Pictures of any shape are stretched to its {graph.size[0]} x {graph.size[1]} pixels."
        )
        values = input_values(graph, self.options.value_range, self._said)
        if lacks_normalization(graph, values):
            self.sentences.append(NOT_NORMALIZED)
        activation = self._activation()
        config = ForeignConfig(FOREIGN, graph.size, **values, activation=activation)
        classes = self._classes()
        if graph.outputs == 1:
            self.sentences.append(
                f"Its one score is the probability of {classes[1]}, and the rest that of {classes[0]}."
            )
        elif "sigmoid" in (activation, graph.ending.kind):
            self.sentences.append(
                "Its classes may overlap, since each has a sigmoid; here they exclude each other, so their "
                "probabilities are divided by their sum."
            )
        threshold = self._said("threshold", THRESHOLD)
        return Specification(config, classes, threshold, tuple(self.sentences))

    def _said(self, name: str, default: Any, sentence: str = "") -> Any:
        """See `assumptions.Said`."""
        value = getattr(self.options, name)
        if value is not None:
            return value
        if sentence:
            self.sentences.append(sentence)
        return default

    def _activation(self) -> Activation:
        """The activation that is still to be applied to the scores."""
        graph, asked = self.graph, self.options.activation
        if graph.ending.kind != "logits":
            if asked not in (None, "none"):
                raise GraphError(
                    f"{graph.name} already ends in a {graph.ending.kind}: omit --activation, or give "
                    "--activation none"
                )
            return "none"
        if graph.outputs == 1:
            if asked == "softmax":
                raise GraphError(
                    f"{graph.name} gives one score, for which a softmax is always 1: give --activation "
                    "sigmoid"
                )
            sentence = (
                "It ends without an activation, so a sigmoid is applied (--activation none if its score is "
                "already a probability)."
            )
            return self._usual("sigmoid", sentence)
        sentence = (
            "It ends without an activation, so a softmax is applied (--activation none if its scores are "
            "already probabilities)."
        )
        return self._usual("softmax", sentence)

    def _usual(self, activation: Activation, sentence: str) -> Activation:
        found: Activation = self._said("activation", activation, sentence)
        return found

    def _classes(self) -> list[str]:
        count = 2 if self.graph.outputs == 1 else self.graph.outputs or 0
        names = list(self._said("classes", None) or [])
        if not names:
            names = [f"class {number}" for number in range(1, count + 1)]
            self.sentences.append(
                f"Its classes have no names: called {names[0]} to {names[-1]}; --classes FILE names them."
            )
        if len(names) != count:
            scores = "one score, for two classes" if self.graph.outputs == 1 else f"{count} scores"
            raise GraphError(
                f"{self.graph.name} gives {scores}, so {count} names would fit; {len(names)} were given"
            )
        return names
