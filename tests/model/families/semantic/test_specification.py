"""What a file tells, what its user says and defaults come together, or contradict each other."""

from __future__ import annotations

from typing import Any

import openvino as ov
import openvino.opset13 as ops
import pytest

from model.families.graphs.endings import Ending
from model.families.graphs.graph import Graph
from model.families.graphs.source import GraphError
from model.families.semantic.specification import Options, specify


def graph(kind: Any = "logits", outputs: int | None = 1, ids: int | None = None, **values: Any) -> Graph:
    picture = ops.parameter([1, 1, 1, 1])
    known = {"size": None, "divisor": 8, "channels": 3, **values}
    return Graph("net", ov.Model([picture], [picture]), outputs=outputs, ending=Ending(kind, ids), **known)


FIXED = {"size": (64, 48), "divisor": None}
TWO, THREE = ["cell", "fibre"], ["cell", "fibre", "spot"]


@pytest.mark.parametrize(
    ("found", "asked", "expected"),
    [
        # one channel
        (graph(), {}, {"gives": "binary", "activation": "sigmoid", "background": "implied"}),
        (graph("sigmoid"), {}, {"gives": "binary", "activation": "none"}),
        (graph("sigmoid"), {"activation": "none"}, {"activation": "none"}),
        (graph("softmax"), {}, {"gives": "binary", "activation": "none"}),  # one channel of several
        (graph(), {"activation": "none"}, {"activation": "none"}),
        # several channels
        (graph(outputs=3), {}, {"gives": "classes", "activation": "softmax", "background": 0}),
        (graph(outputs=3), {"classes": TWO}, {"gives": "classes", "background": 0}),
        (graph(outputs=3), {"classes": THREE}, {"gives": "classes", "background": "none"}),
        (graph(outputs=3), {"classes": TWO, "background": 2}, {"background": 2}),
        (graph(outputs=3), {"activation": "sigmoid"}, {"gives": "labels", "background": "implied"}),
        (graph("sigmoid", outputs=3), {}, {"gives": "labels", "activation": "none"}),
        (graph("softmax", outputs=3), {}, {"gives": "classes", "activation": "none"}),
        # class ids
        (graph("class_ids", None, 3), {"classes": TWO}, {"gives": "class_ids", "background": 0}),
        (graph("class_ids", None, 3), {"classes": THREE}, {"background": "none"}),
        (graph("class_ids", None), {"classes": THREE}, {"background": 0}),
        (graph("class_ids", None), {"classes": THREE, "background": "none"}, {"background": "none"}),
        # the input
        (graph(), {}, {"channels": "rgb", "value_range": "0-1", "mean": ()}),
        (graph(channels=1), {}, {"channels": "grey"}),
        (graph(), {"channels": "bgr", "mean": (1.0, 2.0, 3.0)}, {"channels": "bgr", "mean": (1, 2, 3)}),
        (graph(takes_bytes=True), {}, {"value_range": "0-255"}),
        (graph(scales_down=True), {}, {"value_range": "0-255"}),
        (graph(scales_down=True), {"value_range": "0-1"}, {"value_range": "0-1"}),
        # the size
        (graph(divisor=2), {}, {"size": None, "divisor": 32, "max_side": 1024}),
        (graph(divisor=64), {}, {"divisor": 64}),
        (graph(divisor=8), {"divisor": 16, "max_side": 512}, {"divisor": 16, "max_side": 512}),
        (graph(**FIXED), {}, {"size": (64, 48), "fit": "pad"}),
        (graph(**FIXED), {"fit": "scale"}, {"fit": "scale"}),
        (graph(**FIXED), {"fit": "scale"}, {"mirror": False, "look_again": False}),
        (graph(), {"mirror": True}, {"mirror": True}),
        (graph(**FIXED), {"fit": "scale", "look_again": True}, {"look_again": True}),
        (graph(**FIXED), {"fit": "tile"}, {"fit": "tile", "tile_overlap": 24}),  # half a tile at most
        (graph(**FIXED), {"fit": "tile", "tile_overlap": 8}, {"tile_overlap": 8}),
    ],
)
def test_the_config_is_what_file_user_and_defaults_say(
    found: Graph, asked: dict[str, Any], expected: dict[str, Any]
) -> None:
    config = specify(found, Options(**asked)).config

    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("found", "asked", "says"),
    [
        (graph("sigmoid"), {"activation": "sigmoid"}, "already ends in a sigmoid: omit --activation"),
        (graph("softmax", outputs=2), {"activation": "softmax"}, "already ends in a softmax"),
        (graph("class_ids", None, 2), {"activation": "softmax"}, "already gives class ids"),
        (graph(), {"activation": "softmax"}, "one channel, .* give --activation sigmoid"),
        (graph(takes_bytes=True), {"value_range": "0-1"}, "omit --value-range, or give 0-255"),
        (graph(**FIXED), {"divisor": 16}, "only takes pictures of 64 x 48: omit --divisor"),
        (graph(**FIXED), {"max_side": 512}, "omit --max-side"),
        (graph(), {"divisor": 12}, "multiples of 8, which 12 is not"),
        (graph(), {"divisor": 0}, "--divisor 0: give a multiple of 8"),
        (graph(), {"divisor": -8}, "--divisor -8: give a multiple of 8"),
        (graph(), {"fit": "scale"}, "--fit scale needs --size"),
        (graph(), {"fit": "tile"}, "--fit tile needs --size"),
        (graph(**FIXED), {"tile_overlap": 8}, "--tile-overlap needs --fit tile"),
        (graph(outputs=4), {"classes": TWO}, "gives 4 channels, so 3 names, .* or 4 would fit; 2 were given"),
        (graph(outputs=4), {"classes": TWO, "background": 1}, "3 names besides the background, 1 would fit"),
        (graph(outputs=4), {"background": 4}, "channels 0 to 3, so 4 cannot be the background"),
        (graph(), {"classes": TWO}, "gives 1 channel, so 1 name would fit; 2 were given"),
        (graph("sigmoid"), {"background": 0}, "gives only one channel, which is the class"),
        (graph("class_ids", None, 1), {"background": 0}, "gives only the background"),
        (graph("sigmoid", outputs=3), {"background": 3}, "channels 0 to 2, so 3 cannot be the background"),
        (graph("class_ids", None), {}, "not the number of classes: name the classes"),
    ],
)
def test_a_contradiction_is_refused_with_what_would_fit(
    found: Graph, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(GraphError, match=f"net {says}" if says[0] in "tegh" else says):
        specify(found, Options(**asked))


@pytest.mark.parametrize(
    ("found", "names", "threshold"),
    [
        (graph(), ["background", "foreground"], 0.5),
        (graph("sigmoid", outputs=2), ["background", "class 1", "class 2"], 0.5),
        (graph("softmax", outputs=3), ["background", "class 1", "class 2"], 0.0),
    ],
)
def test_without_names_classes_are_numbered_and_the_user_is_told(
    found: Graph, names: list[str], threshold: float
) -> None:
    made = specify(found, Options())

    assert made.classes == names
    assert made.threshold == threshold
    assert any("Its classes have no names" in sentence for sentence in made.sentences)


def test_every_assumption_is_said_and_nothing_else() -> None:
    assumed = specify(graph(), Options()).sentences
    assert [sentence.split("(")[-1].split(" ")[0].strip(").") for sentence in assumed] == [
        "--channels",
        "--value-range",
        "--mean,",
        "--max-side",
        "--activation",
        "Its",
    ]

    said = Options(
        classes=["cell"],
        channels="rgb",
        value_range="0-1",
        mean=(0.0,) * 3,
        max_side=512,
        activation="sigmoid",
    )
    assert specify(graph(), said).sentences == ()


@pytest.mark.parametrize(
    ("found", "asked", "says"),
    [
        (graph("softmax", outputs=3), {"classes": TWO}, "Channel 0 is assumed to be the background"),
        (graph("class_ids", None, 3), {"classes": TWO}, "The number 0 is assumed to be the background"),
        (graph("class_ids", None), {"classes": TWO}, "The number 0 is assumed to be the background"),
        (
            graph(**FIXED),
            {"fit": "tile"},
            "Neighbouring tiles share at least 24 pixels (--tile-overlap changes that).",
        ),
        (graph(scales_down=True), {}, "It scales its own input, so it gets values from 0 to 255"),
    ],
)
def test_what_is_chosen_is_said(found: Graph, asked: dict[str, Any], says: str) -> None:
    assert any(sentence.startswith(says) for sentence in specify(found, Options(**asked)).sentences)


def test_an_implied_background_is_found_where_no_class_is_likely() -> None:
    made = specify(graph(outputs=3), Options(background="implied"))

    assert (made.config.background, made.config.gives, made.threshold) == ("implied", "classes", 0.5)


def test_tiles_overlap_by_both_halos_also_where_those_are_large() -> None:
    made = specify(graph(size=(128, 128), divisor=None), Options(fit="tile"), {"halo": 48})

    assert (made.config.halo, made.config.tile_overlap) == (48, 96)


def test_what_a_description_says_is_taken_and_defended() -> None:
    told = {"value_range": "0-255", "normalization": "zero_mean_unit_variance", "threshold": 0.3, "mean": ()}
    found = graph("sigmoid", channels=1)

    made = specify(found, Options(classes=["cell"]), told)

    assert made.threshold == 0.3
    assert (made.config.value_range, made.config.normalization) == ("0-255", "zero_mean_unit_variance")
    assert specify(found, Options(threshold=0.6), told).threshold == 0.6  # a matter of taste
    with pytest.raises(GraphError, match=r"says that value_range is 0-255, not 0-1: omit --value-range"):
        specify(found, Options(value_range="0-1"), told)
