"""FitPlan: sizes, tiles and what a copy may be reduced to."""

from __future__ import annotations

import itertools

import pytest

from model.families.semantic.config import SemanticConfig
from model.families.semantic.fit import plan_fit, seen_at_most, starts


@pytest.mark.parametrize(
    ("config", "size", "scaled", "seen", "enough"),
    [
        # any size: padded to the divisor, shrunk only when too large
        (SemanticConfig(), (100, 50), (100, 50), (128, 64), (100, 50)),
        (SemanticConfig(), (6000, 4000), (1024, 683), (1024, 704), (1024, 683)),
        (SemanticConfig(max_side=1000), (2000, 10), (1000, 5), (1000 // 32 * 32 + 32, 32), (1000, 5)),
        (SemanticConfig(), (1, 5000), (1, 1024), (32, 1024), (1, 1024)),
        # a fixed size: enlarged too
        (SemanticConfig(size=(256, 256)), (64, 32), (256, 128), (256, 256), (64, 32)),
        (SemanticConfig(size=(256, 256), fit="scale"), (1000, 100), (256, 256), (256, 256), (256, 100)),
        # a second look sees a part of it larger
        (
            SemanticConfig(size=(256, 256), fit="scale", look_again=True),
            (1000, 300),
            (256, 256),
            (256, 256),
            (512, 300),
        ),
        # edges of the whole picture need all of it
        (SemanticConfig(refine_edges=True), (6000, 4000), (1024, 683), (1024, 704), (6000, 4000)),
        (
            SemanticConfig(size=(256, 256), fit="tile"),
            (1000, 100),
            (1000, 100),
            (256, 256),
            (1000, 100),
        ),
    ],
)
def test_a_picture_is_fitted(
    config: SemanticConfig,
    size: tuple[int, int],
    scaled: tuple[int, int],
    seen: tuple[int, int],
    enough: tuple[int, int],
) -> None:
    plan = plan_fit(size, config)

    assert (plan.scaled, plan.seen, plan.enough) == (scaled, seen, enough)


def test_few_shapes_are_seen_and_none_is_larger_than_the_largest() -> None:
    config = SemanticConfig(max_side=1000)
    sizes = itertools.product(range(1, 1400, 23), repeat=2)

    shapes = {plan_fit(size, config, few_shapes=True).seen for size in sizes}

    assert len(shapes) <= 16
    assert max(side for shape in shapes for side in shape) == max(seen_at_most(config))
    assert all(side % 32 == 0 for shape in shapes for side in shape)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 100, 129, 1000, 4001])
@pytest.mark.parametrize(("side", "overlap", "grid"), [(64, 16, 8), (64, 32, 32), (64, 20, 64), (50, 0, 1)])
def test_tiles_cover_a_line_with_the_overlap_asked_for(
    length: int, side: int, overlap: int, grid: int
) -> None:
    begins = starts(length, side, overlap, grid)

    assert begins[0] == 0
    assert begins[-1] + side >= length > begins[-1] + side - grid or length <= side
    assert all(
        first + side < length and first + side - second >= overlap
        for first, second in itertools.pairwise(begins)
    )
