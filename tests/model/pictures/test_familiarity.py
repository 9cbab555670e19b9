"""Which pictures look like those that a model was trained on: measures, survey, and the model that ships."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from model import catalog
from model.answers.gate import FamiliarityGate
from model.data import open_data
from model.pictures import read
from model.pictures.familiarity import (
    LEAST_PICTURES,
    MEASURES,
    KnownPictures,
    Measures,
    measure,
    survey,
)
from model.storage.problems import problems_in
from scripts.draw_samples import draw_fluorescence, draw_tissue

Image = npt.NDArray[np.uint8]

SAMPLES = Path(__file__).parents[3] / "app" / "static" / "samples"


def is_familiar(image: Image, known: KnownPictures) -> bool:
    return FamiliarityGate(known).judge(image).accepts


@pytest.fixture(scope="module")
def known() -> KnownPictures:
    """What the model that ships knows."""
    found = catalog.read_bundle(catalog.SHIPPED / "nuclei").manifest.known_pictures
    assert found is not None
    return found


@cache  # each takes a second to draw
def fluorescence(seed: int = 0) -> Image:
    return np.repeat(draw_fluorescence(np.random.default_rng(seed))[0][..., None], 3, axis=-1)


@cache
def tissue(seed: int = 0) -> Image:
    return np.ascontiguousarray(draw_tissue(np.random.default_rng(seed))[0][..., ::-1])


def beach() -> Image:
    """Sky, sea, sand, and a red parasol."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[:200], image[200:300], image[300:] = (130, 185, 235), (40, 110, 150), (225, 200, 150)
    cv2.circle(image, (420, 320), 90, (215, 40, 35), -1)
    return image


def meadow() -> Image:
    """Grass below a grey sky, and a dark tree."""
    grass = np.random.default_rng(0).integers(40, 110, (480, 640, 1)) * np.array([0.7, 1.0, 0.4])
    image = grass.astype(np.uint8)
    image[:180] = (200, 205, 210)
    cv2.circle(image, (150, 170), 110, (35, 70, 30), -1)
    return image


def room() -> Image:
    """A brown floor, a cream wall, a blue door and a lamp."""
    image = np.full((640, 480, 3), (235, 222, 195), np.uint8)
    image[450:], image[150:470, 60:200] = (120, 80, 50), (60, 80, 140)
    cv2.circle(image, (380, 90), 40, (255, 240, 150), -1)
    return image


# --- Measures ---------------------------------------------------------------------------------------------


def measured(image: Image) -> dict[str, float]:
    measures = measure(image)
    assert measures is not None
    return dict(zip(MEASURES, measures.tolist(), strict=True))


@pytest.mark.parametrize(
    ("measure_name", "less", "more"),
    [
        ("brightness", fluorescence, tissue),
        ("middle", fluorescence, tissue),
        ("contrast", fluorescence, meadow),
        ("purple", meadow, tissue),
        ("purple", fluorescence, tissue),
        ("other_colours", tissue, meadow),
        ("other_colours", fluorescence, beach),
    ],
)
def test_a_measure_tells_two_pictures_apart(
    measure_name: str, less: Callable[[], Image], more: Callable[[], Image]
) -> None:
    assert measured(less())[measure_name] < measured(more())[measure_name] - 0.05


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image // 2,
        lambda image: image // 2 + 100,
        lambda image: cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC),
        lambda image: image[::-1, ::-1],
        lambda image: np.tile(image, (4, 4, 1)),
    ],
    ids=["dim", "pale", "large", "turned", "many fields"],
)
@pytest.mark.parametrize("draw", [fluorescence, tissue])
def test_measures_hold_whatever_light_and_size_the_picture_was_taken_with(
    draw: Callable[[], Image], change: Callable[[Image], Image]
) -> None:
    np.testing.assert_allclose(measure(change(draw())), measure(draw()), atol=0.08)


@pytest.mark.parametrize("colour", [(0, 0, 1), (0, 1, 0), (0.1, 0.2, 1), (1, 0.4, 0)])
def test_a_grey_picture_shown_in_one_colour_measures_as_grey(colour: tuple[float, ...]) -> None:
    tinted = (fluorescence() * np.array(colour)).astype(np.uint8)
    np.testing.assert_allclose(measure(tinted), measure(fluorescence()), atol=0.03)


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 2), (2, 1), (5000, 10), (10, 5000), (1, 20_000), (3, 3), (3000, 4000)],
)
@pytest.mark.parametrize("level", [0, 7, 255, None])
def test_odd_pictures_are_measured_like_any(
    known: KnownPictures, shape: tuple[int, int], level: int | None
) -> None:
    random = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    image = random if level is None else np.full_like(random, level)
    image.setflags(write=False)  # as decoded pictures are
    measures = measure(image)
    if level is not None:  # of one colour, so nothing to doubt
        assert measures is None and is_familiar(image, known)
    elif measures is not None:
        assert np.isfinite(measures).all()
        assert is_familiar(image, known) in (True, False)


# --- Survey -----------------------------------------------------------------------------------------------


def drawn(count: int) -> list[tuple[str, Measures]]:
    """Measures of made-up pictures of two kinds, bright and dark."""
    random = np.random.default_rng(0)
    centres = {"bright": np.array([0.8, 0.8, 0.2, 0, -4]), "dark": np.array([0.1, 0.1, 0.2, 0, -4])}
    return [
        (kind, centres[kind] + random.normal(0, 0.05, len(MEASURES)))
        for kind in ("bright", "dark")
        for _ in range(count // 2)
    ]


def test_a_survey_describes_each_kind_and_how_far_its_pictures_lie() -> None:
    pictures = drawn(400)
    known = survey(pictures)

    assert {name: kind.pictures for name, kind in known.kinds.items()} == {"bright": 200, "dark": 200}
    assert known.kinds["dark"].mean["brightness"] == pytest.approx(0.1, abs=0.02)
    within = [known.nearest(found)[1] <= known.usual_distance for _, found in pictures]
    assert np.mean(within) == pytest.approx(0.995, abs=0.0026)
    between = np.mean([found for _, found in pictures], axis=0)
    assert known.nearest(between)[1] > 1.4 * known.usual_distance  # on average they are like neither


def test_a_kind_of_one_picture_or_without_any_colour_is_a_kind() -> None:
    same = [("grey", np.array([0.5, 0.5, 0.2, 0, -4.6]))] * LEAST_PICTURES
    known = survey([*same, ("single", np.array([0.9, 0.9, 0.1, 0.3, -2]))])
    assert known.kinds["single"].pictures == 1
    assert known.nearest(same[0][1])[1] < 0.01


def test_a_survey_of_few_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{LEAST_PICTURES - 2} pictures are too few"):
        survey(drawn(LEAST_PICTURES - 2))


def test_what_a_survey_found_is_read_back_as_it_was() -> None:
    known = survey(drawn(100))
    assert KnownPictures.model_validate_json(known.model_dump_json()) == known


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"mean": {"brightness": 0.5}}, "python -m model survey"),  # of another version
        ({"inverse_covariance": [[1.0]]}, "must be 5 x 5 numbers"),
        ({"inverse_covariance": [[float("nan")] * 5] * 5}, "finite"),
        ({"inverse_covariance": np.triu(np.ones((5, 5))).tolist()}, "symmetric"),
        ({"inverse_covariance": (-np.eye(5)).tolist()}, "positive"),
        ({"pictures": 0}, "greater than or equal to 1"),
        ({"colour": "blue"}, "not permitted"),
    ],
)
def test_figures_that_cannot_be_are_refused(change: dict[str, Any], complaint: str) -> None:
    values = survey(drawn(100)).model_dump()
    values["kinds"]["dark"] |= change
    with pytest.raises(ValidationError) as refused:
        KnownPictures.model_validate(values)
    assert complaint in problems_in(refused.value)


# --- The model that ships ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.png")), ids=lambda path: path.stem)
def test_the_samples_are_familiar(known: KnownPictures, path: Path) -> None:
    assert is_familiar(read(path), known)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image // 8,
        lambda image: np.tile(image, (4, 4, 1)),
        lambda image: image[:170, :170],
        lambda image: (image * np.array([0, 0.1, 1])).astype(np.uint8),
    ],
    ids=["dim", "many fields", "a ninth", "blue"],
)
def test_fluorescence_is_familiar_however_it_was_taken(
    known: KnownPictures, change: Callable[[Image], Image]
) -> None:
    for seed in range(3):
        assert is_familiar(change(fluorescence(seed)), known)


@pytest.mark.parametrize("level", [3, 12, 40, 240])
@pytest.mark.parametrize("noise", [0.5, 2, 4])
def test_an_empty_field_is_nothing_to_doubt(known: KnownPictures, level: float, noise: float) -> None:
    field = np.random.default_rng(0).normal(level, noise, (512, 512, 1)).clip(0, 255).astype(np.uint8)
    assert is_familiar(np.repeat(field, 3, axis=-1), known)


@pytest.mark.parametrize("draw", [beach, meadow, room])
def test_everyday_scenes_are_not(known: KnownPictures, draw: Callable[[], Image]) -> None:
    assert not is_familiar(draw(), known)
    assert not is_familiar(cv2.resize(draw(), (150, 150), interpolation=cv2.INTER_AREA), known)


def unpacked(shared: Path, archive: str, folder: Path, *members: str) -> Path:
    subprocess.run(["tar", "xf", shared / "data" / archive, "-C", folder, *members], check=True)
    return folder


def share_unfamiliar(known: KnownPictures, paths: list[Path]) -> float:
    return float(np.mean([not is_familiar(read(path), known) for path in paths]))


def test_nuclei_that_it_was_not_trained_on_are_familiar(
    known: KnownPictures, shared: Path, tmp_path: Path
) -> None:
    data = open_data(unpacked(shared, "nuclei.tar", tmp_path, "val") / "val")
    doubted = [data.ids[index] for index in range(len(data)) if not is_familiar(data[index].image, known)]
    assert len(data) == 67
    assert len(doubted) <= 1, doubted


def test_everyday_photos_are_not_familiar(known: KnownPictures, shared: Path, tmp_path: Path) -> None:
    photos = sorted((shared / "photos").iterdir())
    assert share_unfamiliar(known, photos) >= 15 / 17
    coco = sorted(unpacked(shared, "coco_tiny.tar", tmp_path).glob("coco_tiny/*/*.jpg"))
    assert share_unfamiliar(known, coco) >= 0.95
    scenes = sorted(unpacked(shared, "scenes.tar", tmp_path, "scenes/test").glob("scenes/test/*/*.jpg"))
    assert share_unfamiliar(known, scenes) >= 0.95


def test_its_figures_are_those_of_its_training_pictures_alone(
    known: KnownPictures, shared: Path, tmp_path: Path
) -> None:
    training = unpacked(shared, "nuclei.tar", tmp_path, "train") / "train"
    kind_by_id = json.loads((training / "kind.json").read_text())
    measured = [
        (kind_by_id[path.stem], measures)
        for path in sorted((training / "images").iterdir())
        if (measures := measure(read(path))) is not None
    ]
    again = survey(measured)
    assert again.usual_distance == pytest.approx(known.usual_distance, abs=0.01)
    for name, kind in known.kinds.items():
        assert again.kinds[name].pictures == kind.pictures
        assert again.kinds[name].mean == pytest.approx(kind.mean, abs=0.001)
