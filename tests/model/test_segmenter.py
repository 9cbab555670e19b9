"""A loaded model answers for every picture, to every thread, and notices when it is not itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tiny_model import TINY

from model import catalog
from model.catalog import UnknownModel
from model.checking.selftest import FILE, record_self_test
from model.families.mask_rcnn.fit import tiling_of
from model.families.mask_rcnn.joining import join
from model.pictures.tiles import cut
from model.results.result import UnknownClass, Wishes
from model.results.segments import Segments
from model.segmenter import Segmenter, load
from model.stopwatch import Stopwatch
from model.storage.manifest import Bundle, BundleError
from model.storage.writing import update_manifest

Picture = npt.NDArray[np.uint8]
Noise = Callable[..., Picture]


def assert_equal(one: Segments, other: Segments) -> None:
    assert one.size == other.size
    assert one.boxes.tolist() == other.boxes.tolist()
    assert one.class_ids.tolist() == other.class_ids.tolist()
    assert one.scores.tolist() == other.scores.tolist()
    assert all((a == b).all() for a, b in zip(one.masks, other.masks, strict=True))


def changed(segmenter: Segmenter, **manifest_values: Any) -> Segmenter:
    """The same network under a changed manifest."""
    manifest = segmenter.bundle.manifest.model_copy(update=manifest_values)
    return Segmenter(dataclasses.replace(segmenter.bundle, manifest=manifest), segmenter.runner)


class Watched:
    """A runner that notes the shape of every picture it sees."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self.pictures: list[tuple[int, ...]] = []

    def start(self, picture: Any) -> Any:
        self.pictures.append(picture.shape)
        return self._runner.start(picture)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)


def test_a_loaded_model_says_what_runs_it(tiny_segmenter: Segmenter) -> None:
    assert (tiny_segmenter.engine, tiny_segmenter.precision) == ("tensorflow", "f32")
    assert tiny_segmenter.bundle.manifest.name == "tiny"


def test_an_unknown_model_is_not_loaded(tiny_bundle: Bundle) -> None:
    with pytest.raises(UnknownModel, match="there are: tiny"):
        load("tinny")


def test_segments_are_sorted_by_score_and_inside_the_picture(tiny_segmenter: Segmenter, noise: Noise) -> None:
    found = tiny_segmenter.segment(noise(128, 96))

    assert len(found) > 10
    assert found.size == (128, 96)
    assert (np.diff(found.scores) <= 0).all()
    assert (found.boxes[:, :2] >= 0).all()
    assert (found.boxes[:, 2:] <= [128, 96]).all()
    assert (found.areas() > 0).all()
    assert {mask.dtype for mask in found.masks} == {np.dtype(np.uint8)}


def test_a_threshold_leaves_those_that_score_at_least_that(tiny_segmenter: Segmenter, noise: Noise) -> None:
    every = tiny_segmenter.segment(noise(128, 96), threshold=0)
    middle = float(every.scores[len(every) // 2])

    found = tiny_segmenter.segment(noise(128, 96), threshold=middle)

    assert 0 < len(found) < len(every)
    assert_equal(found, every.select(np.flatnonzero(every.scores >= np.float32(middle))))


def test_without_a_threshold_the_models_own_holds(tiny_segmenter: Segmenter, noise: Noise) -> None:
    every = tiny_segmenter.segment(noise(128, 96))
    middle = float(every.scores[len(every) // 2])

    found = changed(tiny_segmenter, threshold=middle).segment(noise(128, 96))

    assert_equal(found, tiny_segmenter.segment(noise(128, 96), threshold=middle))
    assert len(found) < len(every)


def test_a_threshold_of_one_leaves_nothing(tiny_segmenter: Segmenter, noise: Noise) -> None:
    assert len(tiny_segmenter.segment(noise(128, 96), threshold=1)) == 0


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(
    tiny_segmenter: Segmenter, noise: Noise, threshold: float
) -> None:
    with pytest.raises(ValueError, match="outside 0…1"):
        tiny_segmenter.segment(noise(128, 96), threshold=threshold)


def test_only_the_classes_asked_for_are_answered(tiny_segmenter: Segmenter, noise: Noise) -> None:
    picture = noise(128, 96)
    every = set(tiny_segmenter.segment(picture).class_ids.tolist())
    assert every == {1, 3}  # or the test would show nothing

    cells = tiny_segmenter.segment(picture, classes=["cell"])
    both = tiny_segmenter.segment(picture, classes=["spot", "cell"])

    assert set(cells.class_ids.tolist()) == {1}
    assert_equal(both, tiny_segmenter.segment(picture))
    assert len(tiny_segmenter.segment(picture, classes=[])) == 0


def test_asking_for_few_segments_of_one_class_gives_the_best_of_that_class(
    tiny_segmenter: Segmenter, noise: Noise
) -> None:
    picture = noise(128, 96)
    cells = tiny_segmenter.segment(picture, classes=["cell"])
    assert 1 not in tiny_segmenter.segment(picture, max_segments=1).class_ids  # a spot is better

    assert_equal(
        tiny_segmenter.segment(picture, classes=["cell"], max_segments=1), cells.select(np.arange(1))
    )


@pytest.mark.parametrize("name", ["Cell", "background", ""])
def test_an_unknown_class_is_answered_with_the_known_ones(
    tiny_segmenter: Segmenter, noise: Noise, name: str
) -> None:
    with pytest.raises(UnknownClass, match=f"no class '{name}'; there are: cell, fibre, spot"):
        tiny_segmenter.segment(noise(128, 96), classes=["cell", name])


def test_max_segments_keeps_the_best(tiny_segmenter: Segmenter, noise: Noise) -> None:
    every = tiny_segmenter.segment(noise(128, 96))

    assert_equal(tiny_segmenter.segment(noise(128, 96), max_segments=3), every.select(np.arange(3)))
    assert_equal(changed(tiny_segmenter, max_segments=3).segment(noise(128, 96)), every.select(np.arange(3)))
    assert len(tiny_segmenter.segment(noise(128, 96), max_segments=40)) > len(every)


@pytest.mark.parametrize("overlap", [None, 32], ids=["whole", "in tiles"])
@pytest.mark.parametrize("most", [1, 3, 1000])
def test_how_many_were_found_is_told_however_few_are_wanted(
    tiny_segmenter: Segmenter, noise: Noise, overlap: int | None, most: int
) -> None:
    model = changed(tiny_segmenter, tile_overlap=overlap)
    picture = noise(300, 128)
    every = model.predict(picture, Wishes(max_segments=1000))
    assert every.left_out == 0
    result = model.predict(picture, Wishes(max_segments=most))
    assert len(result.segments) == min(most, every.found)
    assert result.found == every.found > 3


@pytest.mark.parametrize(
    ("size", "ceiling", "kept"),
    [
        ((128, 96), 10_000, 20),  # a small picture: the limit itself
        ((300, 128), 10_000, 39),  # 0.0384 megapixels, by their area, rounded up
        ((300, 128), 30, 30),  # but never beyond the ceiling
        ((128, 96), 7, 7),
    ],
)
def test_the_model_s_own_limit_follows_the_size_of_the_picture(
    tiny_segmenter: Segmenter, size: tuple[int, int], ceiling: int, kept: int
) -> None:
    manifest = changed(tiny_segmenter, max_segments_per_megapixel=1000).bundle.manifest
    assert manifest.most_segments(Wishes(ceiling=ceiling), size) == kept
    assert manifest.most_segments(Wishes(max_segments=50, ceiling=ceiling), size) == 50, "as asked for"


@pytest.mark.parametrize("count", [0, -1])
def test_max_segments_below_one_is_refused(tiny_segmenter: Segmenter, noise: Noise, count: int) -> None:
    with pytest.raises(ValueError, match="max_segments must be at least 1"):
        tiny_segmenter.segment(noise(128, 96), max_segments=count)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((64, 64), np.uint8), r"\(64, 64\)"),  # grey, without channels
        (np.zeros((64, 64, 1), np.uint8), r"\(64, 64, 1\)"),  # grey, one channel
        (np.zeros((64, 64, 4), np.uint8), r"\(64, 64, 4\)"),  # RGBA
        (np.zeros((1, 64, 64, 3), np.uint8), r"\(1, 64, 64, 3\)"),  # a batch
        (np.zeros((64, 64, 3), np.float32), "float32"),  # 0 to 1, as other libraries want it
        (np.zeros((64, 64, 3), np.uint16), "uint16"),
        (np.zeros((0, 64, 3), np.uint8), r"at least one pixel.*\(0, 64, 3\)"),  # nothing at all
    ],
)
def test_what_is_no_rgb_picture_is_refused(tiny_segmenter: Segmenter, image: npt.NDArray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        tiny_segmenter.segment(image)


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (1, 1),
        (2, 1),
        (63, 65),  # no multiple of anything
        (127, 31),
        (1, 64),  # a column
        (64, 1),  # a row
        (128, 1),  # a row twice as long as its height is enlarged to
        (700, 500),  # shrinks
        (2000, 20),  # very long
        (4000, 1),  # so long that it would shrink to less than a row
    ],
)
@pytest.mark.parametrize("overlap", [None, 16])
def test_a_picture_of_any_size_gets_an_answer_of_that_size(
    tiny_segmenter: Segmenter, noise: Noise, width: int, height: int, overlap: int | None
) -> None:
    found = changed(tiny_segmenter, tile_overlap=overlap).segment(noise(width, height))

    assert found.size == (width, height)


def test_a_grey_picture_in_three_channels_gets_an_answer(tiny_segmenter: Segmenter, noise: Noise) -> None:
    grey = noise(90, 70)[:, :, :1].repeat(3, axis=2)

    assert len(tiny_segmenter.segment(grey)) > 0


@pytest.mark.parametrize(
    "view",
    [
        lambda picture: picture[:, ::-1],  # turned
        lambda picture: picture.transpose(1, 0, 2),  # upright by EXIF
        lambda picture: picture[10:50, 10:90],  # a part
    ],
)
def test_a_view_of_a_picture_is_answered_as_its_copy(
    tiny_segmenter: Segmenter, noise: Noise, view: Callable[[Picture], Picture]
) -> None:
    picture = view(noise(128, 96))

    assert_equal(tiny_segmenter.segment(picture), tiny_segmenter.segment(picture.copy()))


def test_the_picture_is_left_as_it_was(tiny_segmenter: Segmenter, noise: Noise) -> None:
    picture = noise(128, 96)
    picture.setflags(write=False)  # as `pictures.decode` gives it

    tiny_segmenter.segment(picture)

    assert (picture == noise(128, 96)).all()


def test_eight_threads_at_once_get_what_one_alone_gets(tiny_segmenter: Segmenter, noise: Noise) -> None:
    pictures = [noise(64 + 16 * i, 96, seed=i) for i in range(8)]
    wishes: Sequence[dict[str, Any]] = [
        {},
        {"max_segments": 2},
        {"classes": ["spot"]},
        {"threshold": 0.6},
    ] * 2
    alone = [tiny_segmenter.segment(p, **wish) for p, wish in zip(pictures, wishes, strict=True)]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda p, wish: tiny_segmenter.segment(p, **wish), pictures, wishes))

    for one, other in zip(alone, together, strict=True):
        assert_equal(one, other)


def test_the_stopwatch_has_both_stages(tiny_segmenter: Segmenter, noise: Noise) -> None:
    stopwatch = Stopwatch()

    tiny_segmenter.predict(noise(128, 96), stopwatch=stopwatch)

    assert set(stopwatch.milliseconds) == {"infer", "masks"}
    assert min(stopwatch.milliseconds.values()) > 0


def test_a_large_picture_goes_through_in_tiles_at_full_scale(tiny_segmenter: Segmenter, noise: Noise) -> None:
    watched = Watched(tiny_segmenter.runner)
    tiled = Segmenter(changed(tiny_segmenter, tile_overlap=32).bundle, watched)
    picture = noise(300, 128)

    found = tiled.segment(picture, max_segments=30)

    parts = cut(300, 128, 128, 32)
    assert watched.pictures == [(1, 128, 128, 3)] * len(parts)
    answers = [tiny_segmenter.segment(part.of(picture), max_segments=1000) for part in parts]
    whole = join(parts, answers, (300, 128))
    assert len(whole) > 30
    assert_equal(found, whole.select(np.arange(30)))


def test_a_picture_within_the_networks_input_is_not_cut(tiny_segmenter: Segmenter, noise: Noise) -> None:
    tiled = changed(tiny_segmenter, tile_overlap=32)

    assert_equal(tiled.segment(noise(128, 96)), tiny_segmenter.segment(noise(128, 96)))


def test_without_a_tile_overlap_a_large_picture_shrinks(tiny_segmenter: Segmenter, noise: Noise) -> None:
    watched = Watched(tiny_segmenter.runner)

    found = Segmenter(tiny_segmenter.bundle, watched).segment(noise(300, 150))

    assert watched.pictures == [(1, 64, 128, 3)]
    assert found.size == (300, 150)
    assert found.boxes[:, 2].max() > 150  # in the picture's pixels, not in the network's


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (20_000, 2),  # each tile would be 4 pixels
        (3000, 3000),  # some 900 tiles
    ],
)
def test_no_picture_keeps_the_network_busy_with_hundreds_of_tiles(width: int, height: int) -> None:
    parts = tiling_of((width, height), TINY, tile_overlap=32).tiles

    assert len(parts) <= 128
    assert (parts[-1].x2, parts[-1].y2) == (width, height)


def test_a_bundle_without_a_self_test_passes_if_it_answers(tiny_segmenter: Segmenter) -> None:
    tiny_segmenter.self_test()


def test_a_recorded_self_test_passes_and_belongs_to_the_bundle(tiny_bundle: Bundle, noise: Noise) -> None:
    segmenter = load("tiny")

    record_self_test(segmenter.bundle, segmenter.predict, noise(128, 96))

    bundle = catalog.find("tiny")
    bundle.check()
    assert FILE in bundle.manifest.files
    Segmenter(bundle, segmenter.runner).self_test()


@pytest.fixture
def tested(tiny_bundle: Bundle, tiny_segmenter: Segmenter, noise: Noise) -> Segmenter:
    """The tiny model in a folder of its own, with a self-test."""
    record_self_test(tiny_bundle, tiny_segmenter.predict, noise(128, 96))
    return Segmenter(catalog.find("tiny"), tiny_segmenter.runner)


def rewrite(segmenter: Segmenter, change: Callable[[dict[str, npt.NDArray]], None]) -> None:
    path = segmenter.bundle.folder / FILE
    with np.load(path) as test:
        values = dict(test)
    change(values)
    np.savez(path, **values)


def reverse(values: dict[str, npt.NDArray]) -> None:
    for name in ("boxes", "class_ids", "scores", "areas"):
        values[name] = values[name][::-1]


def jitter(values: dict[str, npt.NDArray]) -> None:
    """Move every side by up to a pixel; masks fill their boxes as before."""
    sides = values["boxes"][:, 2:] - values["boxes"][:, :2]
    fill = values["areas"] / sides.prod(axis=1)
    values["boxes"] = values["boxes"] + np.random.default_rng(0).integers(-1, 2, values["boxes"].shape)
    values["areas"] = fill * (values["boxes"][:, 2:] - values["boxes"][:, :2]).prod(axis=1)


def forget_the_best(values: dict[str, npt.NDArray]) -> None:
    for name in ("boxes", "class_ids", "scores", "areas"):
        values[name] = values[name][1:]


def set_first(name: str, value: Any) -> Callable[[dict[str, npt.NDArray]], None]:
    def change(values: dict[str, npt.NDArray]) -> None:
        values[name][0] = value

    return change


def add(name: str, value: Any) -> Callable[[dict[str, npt.NDArray]], None]:
    def change(values: dict[str, npt.NDArray]) -> None:
        values[name] = values[name] + np.asarray(value, values[name].dtype)

    return change


@pytest.mark.parametrize(
    "change",
    [
        jitter,  # rounds the other way, so that neighbours change places in any order
        add("scores", 0.01),  # adds up in another order
        reverse,  # equal scores change places
    ],
)
def test_a_self_test_allows_what_another_processor_does(
    tested: Segmenter, change: Callable[[dict[str, npt.NDArray]], None]
) -> None:
    rewrite(tested, change)

    tested.self_test()


@pytest.mark.parametrize(
    "change",
    [
        forget_the_best,  # finds one more
        set_first("boxes", [0, 0, 7, 7]),  # elsewhere
        set_first("class_ids", 2),  # another class
        set_first("scores", 0.2),  # far less sure
        set_first("areas", 1),  # another mask in the same place
        add("boxes", [9, 9, 9, 9]),  # everything shifted
        set_first("image", 255),  # not the picture it was recorded for
    ],
)
def test_a_self_test_fails_where_the_model_finds_something_else(
    tested: Segmenter, change: Callable[[dict[str, npt.NDArray]], None]
) -> None:
    rewrite(tested, change)

    with pytest.raises(BundleError, match="model tiny fails its self-test"):
        tested.self_test()


def test_weights_that_load_but_are_not_the_models_fail_the_self_test(tested: Segmenter) -> None:
    class Sleepy(Watched):
        def start(self, picture: Any) -> Any:
            started = super().start(picture)
            head = started.head

            def sleep(name: str, *inputs: Any) -> Any:
                outputs = head(name, *inputs)
                if name == "box_head":
                    outputs[0] = np.zeros_like(outputs[0])  # background everywhere
                return outputs

            started.head = sleep
            return started

    with pytest.raises(BundleError, match="fails its self-test"):
        Segmenter(tested.bundle, Sleepy(tested.runner)).self_test()


def test_a_self_test_with_nothing_to_find_is_refused_since_a_dead_model_would_pass_it(
    tiny_bundle: Bundle, tiny_segmenter: Segmenter, noise: Noise
) -> None:
    bundle = update_manifest(tiny_bundle, threshold=1.0)

    with pytest.raises(ValueError, match="choose another"):
        record_self_test(bundle, Segmenter(bundle, tiny_segmenter.runner).predict, noise(128, 96))

    assert not (bundle.folder / FILE).exists()
