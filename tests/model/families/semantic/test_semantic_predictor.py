"""SemanticPredictor: from a picture to its classes, with networks that are functions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import cv2
import numpy as np
import pytest
from networks import (
    FunctionRunner,
    blurred_brightness,
    brightness,
    clouds,
    manifest,
    own_channels,
    patches,
    predict,
    predictor_of,
)

from model.families.family import Size
from model.results.result import ClassMap, Result, UnknownClass, Wishes
from model.results.segments import Segments
from model.stopwatch import Stopwatch

THREE = ("red", "green", "blue")
CLASSES: dict[str, Any] = {"gives": "classes"}
LABELS: dict[str, Any] = {"gives": "labels"}
SQUARE: dict[str, Any] = {"size": (64, 64), "fit": "scale"}
TILES: dict[str, Any] = {"size": (64, 64), "fit": "tile", "tile_overlap": 24, "divisor": 8}


def _map(result: Result) -> ClassMap:
    assert result.class_map is not None
    return result.class_map


def _drawn(segments: Segments, class_id: int) -> np.ndarray:
    """Bool (H, W): the pixels of all segments of a class."""
    drawn = np.zeros(segments.size[::-1], bool)
    for (x1, y1, x2, y2), found, mask in zip(segments.boxes, segments.class_ids, segments.masks, strict=True):
        if found == class_id:
            drawn[y1:y2, x1:x2] |= mask.astype(bool)
    return drawn


def test_a_binary_model_marks_what_reaches_the_threshold() -> None:
    image = patches((80, 60), (10, 20, 30, 50))
    image[20:50, 40:60] = 102  # 0.4

    result = predict(brightness, manifest({}), image)
    lower = predict(brightness, manifest({}), image, threshold=0.4)

    np.testing.assert_array_equal(_map(result).labels, (image[..., 0] == 255).astype(np.uint16))
    assert _map(result).labels.dtype == np.uint16
    assert _map(result).mean_probabilities == {1: pytest.approx(1)}
    assert result.segments.boxes.tolist() == [[10, 20, 30, 50]]
    assert (result.segments.masks[0] == 1).all()
    assert lower.segments.boxes.tolist() == [[10, 20, 60, 50]]
    assert lower.segments.scores == pytest.approx([0.7])


@pytest.mark.parametrize(
    ("activation", "logits"),
    [("sigmoid", np.array([-2.0, 0.5])), ("softmax", np.array([[0.1, 2.0], [1.0, 3.0]]))],
)
def test_an_activation_is_applied_to_what_the_graph_gives(activation: str, logits: np.ndarray) -> None:
    if activation == "sigmoid":
        config, expected = {}, 1 / (1 + np.exp(-logits))
        scores = logits.reshape(1, 1, 2, 1)
    else:
        config = {"gives": "classes", "background": 0}
        expected = np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)
        scores = logits.reshape(1, 1, 2, 2)
    model = manifest(config | {"size": (2, 1), "fit": "scale", "activation": activation})

    result = predict(
        lambda picture: scores.astype(np.float32),
        model,
        np.zeros((1, 2, 3), np.uint8),
        probability_of="thing",
    )

    np.testing.assert_array_equal(_map(result).probability, np.rint(expected * 255)[np.newaxis])


def test_extreme_logits_are_probabilities_of_0_and_1() -> None:
    scores = np.array([-1e4, 1e4], np.float32).reshape(1, 1, 2, 1)
    model = manifest({"size": (2, 1), "fit": "scale", "activation": "sigmoid"})

    result = predict(lambda picture: scores, model, np.zeros((1, 2, 3), np.uint8), probability_of="thing")

    assert _map(result).probability.tolist() == [[0, 255]]


def test_exclusive_classes_are_the_most_probable_ones() -> None:
    image = clouds(96, 64)

    result = predict(own_channels, manifest(CLASSES | {"background": "none"}, THREE, threshold=0), image)

    np.testing.assert_array_equal(_map(result).labels, image.argmax(axis=2) + 1)
    assert set(result.segments.class_ids.tolist()) == {1, 2, 3}
    assert (np.diff(result.segments.scores) <= 0).all()
    for class_id in (1, 2, 3):
        inside = image.argmax(axis=2) + 1 == class_id
        np.testing.assert_array_equal(_drawn(result.segments, class_id), inside)
        assert _map(result).mean_probabilities[class_id] == pytest.approx(
            (image.max(axis=2)[inside] / 255).mean(), abs=1e-5
        )


def test_the_background_is_the_channel_that_the_config_names() -> None:
    image = clouds(64, 64)

    result = predict(own_channels, manifest(CLASSES | {"background": 1}, ("red", "blue")), image, threshold=0)

    np.testing.assert_array_equal(_map(result).labels, np.array([1, 0, 2])[image.argmax(axis=2)])


def test_a_pixel_whose_best_class_is_improbable_is_background() -> None:
    image = clouds(64, 64)

    result = predict(own_channels, manifest(CLASSES, THREE), image, threshold=0.6)

    expected = np.where(image.max(axis=2) / 255 >= 0.6, image.argmax(axis=2) + 1, 0)
    np.testing.assert_array_equal(_map(result).labels, expected)


def test_only_wanted_classes_are_answered_and_others_are_background() -> None:
    image = clouds(64, 64)

    result = predict(own_channels, manifest(CLASSES, THREE), image, threshold=0, classes=["blue", "red"])

    np.testing.assert_array_equal(_map(result).labels, np.array([1, 0, 3])[image.argmax(axis=2)])
    assert set(_map(result).mean_probabilities) == set(result.segments.class_ids.tolist()) == {1, 3}


@pytest.mark.parametrize("wishes", [{"classes": ["red", "puce"]}, {"probability_of": "puce"}])
def test_an_unknown_class_is_refused_with_those_there_are(wishes: dict[str, Any]) -> None:
    runner = FunctionRunner(own_channels)

    with pytest.raises(UnknownClass, match="'puce'; there are: red, green, blue"):
        predict(runner, manifest(CLASSES, THREE), clouds(32, 32), **wishes)
    assert not runner.pictures


def test_labels_overlap_and_the_label_map_has_the_more_probable_one() -> None:
    image = patches((64, 48), (0, 0, 40, 48)).copy()
    image[..., 1] = 0
    image[:, 20:, 1] = 200
    image[..., 2] = 0

    result = predict(own_channels, manifest(LABELS, THREE), image)

    np.testing.assert_array_equal(_drawn(result.segments, 1), image[..., 0] > 0)
    np.testing.assert_array_equal(_drawn(result.segments, 2), image[..., 1] > 0)
    assert result.segments.scores == pytest.approx([1, 200 / 255])
    assert _map(result).labels[0, [10, 30, 50]].tolist() == [1, 1, 2]


def test_class_ids_are_read_as_the_config_numbers_them() -> None:
    codes = np.array([[[0, 1], [2, 77]]])  # 77 is no class
    model = manifest({"gives": "class_ids", "background": 2} | SQUARE, ("a", "b"))

    result = predict(lambda picture: codes, model, clouds(5, 4), probability_of="b")

    assert _map(result).labels[[0, 0, 3, 3], [0, 4, 0, 4]].tolist() == [1, 2, 0, 0]
    assert result.segments.scores.tolist() == [1, 1]
    assert _map(result).probability[[0, 0], [0, 4]].tolist() == [0, 255]


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (lambda picture: picture, r"\(1, height, width, 1\)"),
        (lambda picture: picture[0], r"\(1, height, width, 1\)"),
    ],
)
def test_a_network_with_other_channels_than_classes_is_an_error(network: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        predict(network, manifest({}), clouds(32, 32))


def test_probabilities_are_enlarged_not_labels() -> None:
    ramp = np.linspace(0, 1, 4, dtype=np.float32).reshape(1, 1, 4, 1)  # at 0, 1/3, 2/3 and 1
    model = manifest({"size": (4, 1), "fit": "scale"})
    image = np.zeros((1, 400, 3), np.uint8)

    for threshold, edge in ((0.5, 200), (0.4, 170), (0.8, 290)):
        result = predict(lambda picture: ramp, model, image, threshold=threshold)

        # enlarged labels would begin at 100, 200 or 300
        assert result.segments.boxes[0, 0] == pytest.approx(edge, abs=1)


@pytest.mark.parametrize("stride", [1, 4, 7])
@pytest.mark.parametrize("config", [{}, {"max_side": 96}, SQUARE, {"size": (128, 128)}])
def test_a_coarse_answer_lies_where_the_picture_does(stride: int, config: dict[str, Any]) -> None:
    """Within half of one of its cells, also where the padding is not a whole number of them."""

    def coarse(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[1:3]
        cells = -(-width // stride), -(-height // stride)
        return cv2.resize(picture[0].mean(axis=2), cells, interpolation=cv2.INTER_AREA)[None, :, :, None]

    image = patches((161, 117), (40, 30, 120, 90))

    result = predict(coarse, manifest(config), image)

    cell = stride * max(1, 161 / 64)
    assert np.abs(result.segments.boxes[0] - (40, 30, 120, 90)).max() <= max(1, cell / 2)


@pytest.mark.parametrize(
    ("config", "gives"),
    [
        *itertools.product(({}, SQUARE, {"size": (64, 64)}, TILES), ("binary", "class_ids")),
        ({"refine_edges": True}, "binary"),
    ],
)
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 70)])
def test_pictures_of_odd_sizes_are_answered(
    config: dict[str, Any], gives: str, size: tuple[int, int]
) -> None:
    image = np.full((size[1], size[0], 3), 255, np.uint8)
    network = brightness if gives == "binary" else lambda picture: picture.max(axis=3) > 0.5

    for split in ("class", "parts"):
        result = predict(network, manifest(config | {"gives": gives}), image, split=split)

        assert (_map(result).labels == 1).all()
        assert result.segments.boxes.tolist() == [[0, 0, *size]]


@pytest.mark.parametrize(
    ("wishes", "boxes", "found"),
    [
        ({}, [[2, 2, 12, 12], [30, 30, 33, 33], [40, 2, 60, 22]], 3),
        ({"min_area": 10}, [[2, 2, 12, 12], [40, 2, 60, 22]], 2),
        ({"max_segments": 1}, [[2, 2, 12, 12]], 3),
    ],
)
@pytest.mark.parametrize("gives", ["binary", "labels"])
def test_parts_are_segments_best_first(
    gives: str, wishes: dict[str, Any], boxes: list[list[int]], found: int
) -> None:
    image = patches((64, 48), (2, 2, 12, 12), (30, 30, 33, 33), (40, 2, 60, 22))
    image[30:33, 30:33] = 230
    image[2:22, 40:60] = 200

    result = predict(brightness, manifest({"gives": gives}), image, split="parts", **wishes)

    assert result.segments.boxes.tolist() == boxes
    assert result.found == found
    assert result.segments.scores == pytest.approx(
        [{2: 1, 30: 230 / 255, 40: 200 / 255}[box[0]] for box in boxes], abs=2e-3
    )
    small_gone = "min_area" in wishes
    assert (_map(result).labels[31, 31] == 0) == small_gone
    assert _map(result).labels[10, 50] == 1, "what is beyond max_segments stays in the class map"


def test_parts_touch_at_corners_and_have_masks_of_their_own() -> None:
    image = patches((20, 20), (2, 2, 6, 6), (6, 6, 10, 10), (0, 9, 2, 11))

    result = predict(brightness, manifest({}), image, split="parts")

    assert sorted(result.segments.boxes.tolist()) == [[0, 9, 2, 11], [2, 2, 10, 10]]
    assert sorted(result.segments.areas().tolist()) == [4, 32]


def test_a_removed_part_of_a_label_gives_its_pixels_to_the_next_one() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[5:15, 5:15, 1] = 180
    image[8:10, 8:10, 0] = 255

    result = predict(own_channels, manifest(LABELS, THREE), image, split="parts", min_area=5)

    assert _map(result).labels[8, 8] == 2
    assert set(_map(result).mean_probabilities) == {2}
    assert result.segments.class_ids.tolist() == [2]


def test_nothing_found_is_no_segment() -> None:
    for split in ("class", "parts"):
        result = predict(brightness, manifest({}), patches((40, 30)), split=split)

        assert len(result.segments) == 0
        assert not _map(result).labels.any()
        assert _map(result).mean_probabilities == {}


@pytest.mark.parametrize("config", [{}, LABELS])
def test_no_seam_is_seen_between_tiles(config: dict[str, Any]) -> None:
    """A network that sees 8 pixels around answers alike in tiles and in one piece."""
    image = clouds(300, 210)
    whole = predict(blurred_brightness, manifest(config | {"divisor": 8}), image)
    tiled = predict(blurred_brightness, manifest(config | TILES | {"halo": 8}), image)
    without_halo = predict(blurred_brightness, manifest(config | TILES), image)

    assert 0.2 < _map(whole).labels.mean() < 0.8
    assert (_map(whole).labels != _map(tiled).labels).mean() < 0.001
    assert (_map(whole).labels != _map(without_halo).labels).mean() < 0.02


def test_blended_probabilities_have_no_step_where_tiles_disagree() -> None:
    count = iter(range(1000))

    def moody(picture: np.ndarray) -> np.ndarray:
        return np.full((*picture.shape[:3], 1), next(count) % 2, np.float32)

    result = predict(moody, manifest(TILES), clouds(300, 64), probability_of="thing")

    probability = _map(result).probability.astype(int)
    assert probability.min() == 0
    assert probability.max() == 255
    assert np.abs(np.diff(probability, axis=1)).max() <= 255 * np.pi / 2 / 24 + 2


@pytest.mark.parametrize(
    "tiles", [{"halo": 4}, {"halo": 24, "tile_overlap": 48}, {"halo": 25, "tile_overlap": 52}]
)
def test_the_answer_in_a_halo_is_not_used(tiles: dict[str, int]) -> None:
    halo = tiles["halo"]

    def wrong_at_its_border(picture: np.ndarray) -> np.ndarray:
        answer = np.zeros((*picture.shape[:3], 1), np.float32)
        answer[:, :halo] = answer[:, -halo:] = 1
        answer[:, :, :halo] = answer[:, :, -halo:] = 1
        return answer

    result = predict(wrong_at_its_border, manifest(TILES | tiles), clouds(168, 168))

    assert not _map(result).labels[halo:-halo, halo:-halo].any()
    assert _map(result).labels[:halo].all(), "at the picture's own border there is nothing else to go by"


def test_tiles_of_class_ids_have_no_gap() -> None:
    image = clouds(300, 210)

    result = predict(
        lambda picture: (picture.mean(axis=3) > 0.5).astype(np.int64),
        manifest({"gives": "class_ids"} | TILES),
        image,
    )

    np.testing.assert_array_equal(_map(result).labels, image.mean(axis=2) / 255 > 0.5)


def test_every_tile_has_a_turn_of_its_own() -> None:
    runner, turns = FunctionRunner(brightness), []

    @contextmanager
    def turn() -> Iterator[None]:
        before = len(runner.pictures)
        yield
        turns.append((before, len(runner.pictures)))

    predictor_of(runner, manifest(TILES)).predict(
        clouds(300, 64),
        Wishes(),
        size=(300, 64),
        stopwatch=Stopwatch(),
        turn=turn,
    )

    assert turns == [(tile, tile + 1) for tile in range(len(runner.pictures))]
    assert len(turns) > 4


def test_a_mirrored_second_pass_makes_answers_symmetric() -> None:
    def leaning(picture: np.ndarray) -> np.ndarray:
        grey = picture.mean(axis=3, keepdims=True)
        return np.roll(grey, 3, axis=2)

    image = patches((64, 32), (24, 8, 40, 24))
    config = {"size": (64, 32)}

    once = predict(leaning, manifest(config), image, probability_of="thing")
    twice = predict(leaning, manifest(config | {"mirror": True}), image, probability_of="thing")

    def leans(result: Result) -> bool:
        probability = _map(result).probability
        return not np.array_equal(probability, probability[:, ::-1])

    assert leans(once)
    assert not leans(twice)


@pytest.mark.parametrize("config", [{"size": (32, 32)}, {"max_side": 32}])
def test_refined_edges_follow_the_picture(config: dict[str, Any]) -> None:
    image = patches((256, 256), (70, 70, 181, 181))
    model, refined = manifest(config), manifest(config | {"refine_edges": True})

    def blurry(picture: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(picture[0].mean(axis=2), (0, 0), 1.5)[None, :, :, None]

    def error(result: Result) -> float:
        return float((_map(result).labels != (image[..., 0] > 0)).mean())

    assert error(predict(blurry, refined, image)) < 0.5 * error(predict(blurry, model, image))


def test_refined_tiles_have_no_seam() -> None:
    image = clouds(300, 210)
    whole = predict(blurred_brightness, manifest({"divisor": 8, "refine_edges": True}), image)
    tiled = predict(blurred_brightness, manifest(TILES | {"halo": 8, "refine_edges": True}), image)

    assert (_map(whole).labels != _map(tiled).labels).mean() < 0.01


@pytest.mark.parametrize(
    ("config", "size", "expected"),
    [
        ({"size": (64, 48), "fit": "scale"}, (4000, 3000), 64 * 48),
        ({"size": (64, 48), "fit": "scale", "mirror": True}, (4000, 3000), 2 * 64 * 48),
        ({"max_side": 96, "divisor": 32}, (400, 300), 96 * 96),  # 96 x 72, filled up
        (TILES, (64, 10), 64 * 64),
        (TILES, (10, 224), 5 * 64 * 64),
    ],
)
def test_the_work_is_what_the_network_sees(config: dict[str, Any], size: Size, expected: int) -> None:
    assert predictor_of(FunctionRunner(brightness), manifest(config)).work(size) == expected


def test_a_reduced_copy_is_answered_in_the_pixels_of_the_picture() -> None:
    image = patches((400, 300), (100, 50, 300, 200))
    predictor = predictor_of(FunctionRunner(brightness), manifest({"max_side": 96}))
    assert predictor.enough((400, 300)) == (96, 72)

    result = predictor.predict(
        np.asarray(cv2.resize(image, (100, 75), interpolation=cv2.INTER_AREA), np.uint8),
        Wishes(),
        size=(400, 300),
        stopwatch=Stopwatch(),
        turn=nullcontext,
    )

    assert _map(result).labels.shape == (300, 400)
    assert np.abs(result.segments.boxes[0] - (100, 50, 300, 200)).max() <= 4


def test_a_copy_that_is_too_small_is_refused() -> None:
    predictor = predictor_of(FunctionRunner(brightness), manifest({"max_side": 96}))

    with pytest.raises(ValueError, match="at least 96 x 72"):
        predictor.predict(
            clouds(90, 70),
            Wishes(),
            size=(400, 300),
            stopwatch=Stopwatch(),
            turn=nullcontext,
        )


def test_masks_stay_readable_as_a_sequence() -> None:
    image = clouds(64, 64)
    segments = predict(own_channels, manifest(CLASSES, THREE), image, threshold=0).segments

    assert [mask.shape for mask in segments.masks[1:]] == [mask.shape for mask in segments.masks][1:]
    assert len(segments.select(np.array([0, 2]))) == 2
    assert segments.areas().sum() == 64 * 64


@pytest.mark.parametrize("config", [{}, TILES], ids=["whole", "tiles"])
@pytest.mark.parametrize("gives", ["classes", "labels", "class_ids"])
def test_several_requests_get_their_answers_from_one_run_of_the_network(
    gives: str, config: dict[str, Any]
) -> None:
    image = clouds(150, 90)
    runner = FunctionRunner(
        (lambda picture: picture.argmax(axis=3)) if gives == "class_ids" else own_channels
    )
    predictor = predictor_of(runner, manifest({"gives": gives} | config, THREE))
    wishes = [
        Wishes(0.4, ["red", "blue"]),
        *(Wishes(0.0, probability_of=name) for name in THREE),
        Wishes(0.4, ["red", "blue"], split="parts", min_area=9),
    ]
    rest: dict[str, Any] = {"size": (150, 90), "stopwatch": Stopwatch(), "turn": nullcontext}

    together = predictor.predict_each(image, wishes, **rest)
    runs = len(runner.pictures)
    for one, result in zip(wishes, together, strict=True):
        alone = predictor.predict(image, one, **rest)
        np.testing.assert_array_equal(_map(result).labels, _map(alone).labels)
        np.testing.assert_equal(_map(result).probability, _map(alone).probability)
        assert _map(result).mean_probabilities == _map(alone).mean_probabilities
        np.testing.assert_array_equal(result.segments.boxes, alone.segments.boxes)
        np.testing.assert_array_equal(result.segments.scores, alone.segments.scores)
        for mask, expected in zip(result.segments.masks, alone.segments.masks, strict=True):
            np.testing.assert_array_equal(mask, expected)
    assert len(runner.pictures) == runs * (1 + len(wishes))
