"""Specification: combines facts from a model's file, the user's options and defaults into one config."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from model.families.graphs.assumptions import NOT_NORMALIZED, input_values, lacks_normalization
from model.families.graphs.graph import Graph
from model.families.graphs.source import GraphError, Layout
from model.families.pixels import Activation, Channels, Fit, ValueRange, channel_count
from model.families.semantic.config import Background, Gives, SemanticConfig
from model.storage.manifest import Manifest

PROBABILITY_THRESHOLD = 0.5
"""For models in which a class must be more likely than not; exclusive classes need no threshold."""

TAKEN_OVER = (
    *("fit", "channels", "value_range", "mean", "std"),
    *("activation", "background", "mirror", "look_again"),
)
"""Config values that a model takes over from the one that it replaces."""


@dataclass(frozen=True)
class Options:
    """The user's options for a model; None: not given.

    Attributes:
        classes: names, without the background.
        layout: of the input.
        output: the name of the output to use.

    The other attributes are as in SemanticConfig, and `threshold` as in a manifest.
    """

    classes: Sequence[str] | None = None
    size: tuple[int, int] | None = None
    divisor: int | None = None
    max_side: int | None = None
    fit: Fit | None = None
    tile_overlap: int | None = None
    channels: Channels | None = None
    value_range: ValueRange | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    activation: Activation | None = None
    threshold: float | None = None
    background: Background | None = None
    output: str | None = None
    layout: Layout | None = None
    mirror: bool | None = None
    look_again: bool | None = None

    def completed(self, manifest: Manifest, told: Mapping[str, Any]) -> Options:
        """These options; those that neither the user nor the file (`told`) gives are from another model."""
        config = SemanticConfig.from_json(manifest.config)
        others: dict[str, Any] = {"classes": manifest.classes[1:], "threshold": manifest.threshold}
        others |= {name: getattr(config, name) for name in TAKEN_OVER}
        if config.size is None:
            others |= {"divisor": config.divisor, "max_side": config.max_side, "fit": None}
        if config.fit == "tile":
            others["tile_overlap"] = config.tile_overlap
        if config.channels == "grey":  # known from the file
            others["channels"] = None
        silent = {field.name for field in fields(self) if getattr(self, field.name) is None}
        return replace(self, **{name: others[name] for name in silent & others.keys() - told.keys()})

    @property
    def channel_count(self) -> int | None:
        """C, if the channels are given."""
        return None if self.channels is None else channel_count(self.channels)


@dataclass(frozen=True)
class Specification:
    """The values for a bundle's manifest.

    Attributes:
        config: of the family.
        classes: names, "background" first.
        threshold: the lowest score at which a pixel gets a class.
        sentences: the assumptions that were made, for the user to check.
    """

    config: SemanticConfig
    classes: list[str]
    threshold: float
    sentences: tuple[str, ...]


def specify(graph: Graph, options: Options, told: Mapping[str, Any] | None = None) -> Specification:
    """The whole specification of an import.

    Args:
        graph: the graph that was read.
        options: the user's.
        told: values from a description beside the graph: those of SemanticConfig, "classes", "threshold".

    Raises:
        GraphError: the options contradict the file; the message says what would fit.
    """
    return _Specifier(graph, options, dict(told or {})).specification()


class _Specifier:
    """Chooses the values one by one, and records assumptions."""

    def __init__(self, graph: Graph, options: Options, told: dict[str, Any]) -> None:
        self.graph = graph
        self.options = options
        self.told = told
        self.sentences = list(graph.sentences)
        self.values: dict[str, Any] = {
            key: value for key, value in told.items() if key not in ("classes", "threshold")
        }

    def specification(self) -> Specification:
        self._refuse_contradictions()
        self._input()
        self._size()
        activation, gives = self._answer()
        background, names = self._classes(gives)
        self.values |= {"activation": activation, "gives": gives, "background": background}
        for name in ("mirror", "look_again"):
            self.values[name] = self._said(name, False)
        threshold = self._said("threshold", None)
        if threshold is None:
            # Without a threshold, an implied background would never occur.
            needed = gives in ("binary", "labels") or (gives == "classes" and background == "implied")
            threshold = PROBABILITY_THRESHOLD if needed else 0.0
        config = SemanticConfig(**{key: value for key, value in self.values.items() if value is not None})
        return Specification(config, ["background", *names], threshold, tuple(self.sentences))

    def _said(self, name: str, default: Any, sentence: str = "") -> Any:
        """The value from the user or else the file; else the default, which the sentence reports."""
        for value in (getattr(self.options, name), self.told.get(name)):
            if value is not None:
                return value
        if sentence:
            self.sentences.append(sentence)
        return default

    def _refuse_contradictions(self) -> None:
        """Raise GraphError if the user's options contradict the description beside the graph."""
        for field in fields(self.options):
            asked, told = getattr(self.options, field.name), self.told.get(field.name)
            if field.name in ("classes", "threshold", "max_side", "fit", "tile_overlap", "divisor", "size"):
                continue  # these may be chosen freely, or are only names
            if asked is not None and told is not None and _plain(asked) != _plain(told):
                raise GraphError(
                    f"{self.graph.name} says that {field.name} is {_plain(told)}, not {_plain(asked)}: omit "
                    f"--{field.name.replace('_', '-')}"
                )

    def _input(self) -> None:
        self.values |= input_values(self.graph, self.options.value_range, self._said)
        is_normalized = self.told.get("normalization", "none") != "none"
        if not is_normalized and lacks_normalization(self.graph, self.values):
            self.sentences.append(NOT_NORMALIZED)

    def _size(self) -> None:
        graph, options = self.graph, self.options
        if graph.size is not None:
            for name in ("divisor", "max_side"):
                if getattr(options, name) is not None:
                    raise GraphError(
                        f"{graph.name} only takes pictures of {graph.size[0]} x {graph.size[1]}: omit "
                        f"--{name.replace('_', '-')}"
                    )
            self.values["size"] = graph.size
            sentence = (
                f"Pictures are scaled to fit into {graph.size[0]} x {graph.size[1]} and padded (--fit scale "
                "stretches them, --fit tile cuts them into tiles)."
            )
            self.values["fit"] = self._said("fit", "pad", sentence)
        else:
            self._open_size(math.lcm(graph.divisor or 1, self.told.get("divisor") or 1))
        if self.values["fit"] == "tile":
            usual = SemanticConfig.tile_overlap
            overlap = max(min(usual, min(self.values["size"]) // 2), 2 * (self.values.get("halo") or 0))
            sentence = f"Neighbouring tiles share at least {overlap} pixels (--tile-overlap changes that)."
            overlap = self._said("tile_overlap", overlap, sentence if overlap != usual else "")
            self.values["tile_overlap"] = overlap
        elif options.tile_overlap is not None:
            raise GraphError("--tile-overlap needs --fit tile: give that too, or omit --tile-overlap")

    def _open_size(self, least: int) -> None:
        graph, options = self.graph, self.options
        if options.fit in ("scale", "tile"):
            raise GraphError(f"--fit {options.fit} needs --size WIDTHxHEIGHT: {graph.name} takes any size")
        usual = SemanticConfig.divisor
        divisor = options.divisor
        if divisor is None:
            divisor = usual if usual % least == 0 else least
        if divisor < 1:
            raise GraphError(f"--divisor {divisor}: give a multiple of {least}, or omit it")
        if divisor % least:
            raise GraphError(
                f"{graph.name} takes pictures whose sides are multiples of {least}, which {divisor} is not: "
                f"omit --divisor, or give a multiple of {least}"
            )
        self.values |= {"size": None, "divisor": divisor, "fit": "pad"}
        sentence = (
            f"Pictures of any size are padded to multiples of {divisor}; those with a side over "
            f"{SemanticConfig.max_side} pixels are reduced to that (--max-side changes it)."
        )
        self.values["max_side"] = self._said("max_side", SemanticConfig.max_side, sentence)

    def _answer(self) -> tuple[Activation, Gives]:
        """The activation still to be applied to the output, and the kind of the result."""
        graph, asked = self.graph, self._said("activation", None)
        several = graph.outputs != 1
        if graph.ending.kind != "logits":
            if asked not in (None, "none"):
                kind = (
                    "gives class ids"
                    if graph.ending.kind == "class_ids"
                    else f"ends in a {graph.ending.kind}"
                )
                raise GraphError(f"{graph.name} already {kind}: omit --activation, or give --activation none")
            if graph.ending.kind == "class_ids":
                return "none", "class_ids"
            if not several:
                return "none", "binary"
            return "none", "labels" if graph.ending.kind == "sigmoid" else "classes"
        if not several:
            if asked == "softmax":
                raise GraphError(
                    f"{graph.name} gives one channel, for which a softmax is 1 everywhere: give --activation "
                    "sigmoid"
                )
            sentence = (
                "It ends without an activation, so a sigmoid is applied (--activation none if its output is "
                "already a probability)."
            )
            return asked or self._assumed("sigmoid", sentence), "binary"
        sentence = (
            "It ends without an activation, so a softmax over its channels is applied (--activation sigmoid "
            "if classes may overlap, none if its outputs are already probabilities)."
        )
        activation = asked or self._assumed("softmax", sentence)
        return activation, "labels" if activation == "sigmoid" else "classes"

    def _assumed(self, value: Any, sentence: str) -> Any:
        self.sentences.append(sentence)
        return value

    def _classes(self, gives: Gives) -> tuple[Background, list[str]]:
        """The background, and the names of the classes."""
        graph, asked = self.graph, self.options.background
        names = list(self._said("classes", None) or [])
        count = graph.outputs or graph.ending.channels
        if gives in ("binary", "labels"):
            default: Background = "implied"
        elif count is None or not names:
            default = 0
        else:
            default = "none" if len(names) == count else 0
        background = default if asked is None else asked
        if count is None:  # class ids of an unknown number of classes
            if not names:
                raise GraphError(
                    f"{graph.name} gives class ids, but not the number of classes: name the classes in a "
                    "file, --classes FILE"
                )
            self._say_background(background, gives)
            return background, names
        if gives == "binary" and background != "implied":
            raise GraphError(
                f"{graph.name} gives only one channel, which is the class, so the background has none: omit "
                "--background, or give implied"
            )
        wanted = count - (isinstance(background, int) or (gives == "class_ids" and background == "implied"))
        if isinstance(background, int) and background >= count:
            raise GraphError(
                f"{graph.name} has the channels 0 to {count - 1}, so {background} cannot be the background"
            )
        if wanted < 1:
            raise GraphError(f"{graph.name} gives only the background: there is no class to find")
        if not names:
            return background, self._assumed_names(wanted, background, gives)
        if len(names) != wanted:
            raise GraphError(self._wrong_count(count, wanted, len(names), background, gives))
        self._say_background(background, gives)
        return background, names

    def _say_background(self, background: Background, gives: Gives) -> None:
        """Report the background, if it was assumed."""
        if isinstance(background, int) and self.options.background is None:
            what = "The number" if gives == "class_ids" else "Channel"
            self.sentences.append(
                f"{what} {background} is assumed to be the background, which is not among the names "
                "(--background changes that)."
            )

    def _assumed_names(self, count: int, background: Background, gives: Gives) -> list[str]:
        names = ["foreground"] if count == 1 else [f"class {number}" for number in range(1, count + 1)]
        shown = names[0] if count == 1 else f"{names[0]} to {names[-1]}"
        also = ""
        if isinstance(background, int) and self.options.background is None:
            what = "the number" if gives == "class_ids" else "channel"
            also = f", and {what} {background} is assumed to be the background (--background)"
        self.sentences.append(f"Its classes have no names: called {shown}{also}; --classes FILE names them.")
        return names

    def _wrong_count(self, count: int, wanted: int, given: int, background: Background, gives: Gives) -> str:
        asked = self.options.background is not None
        fits = f"{wanted} name{'s' * (wanted != 1)}"
        if gives in ("classes", "class_ids") and not asked:
            fits = f"{count - 1} names, if one of them is the background, or {count}"
        elif isinstance(background, int):
            fits += f" besides the background, {background}"
        what = "numbers" if gives == "class_ids" else "channel" + "s" * (count != 1)
        return f"{self.graph.name} gives {count} {what}, so {fits} would fit; {given} were given"


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
