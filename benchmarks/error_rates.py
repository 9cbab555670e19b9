"""`python -m benchmarks.error_rates`: how often the tests of `compare` find a difference where there is none.

A version is compared with itself, many times, on made-up traffic: how many requests a caller sends is
heavy-tailed (Pareto, exponent 1.1), and pictures and verdicts of one caller are alike. A good test at 5 % is
wrong in 5 of 100 studies; one that may be looked at every day in at most 5 of 100, over all days together.
For contrast there are tests that take each request for itself.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.evaluation.comparing import Values, difference
from model.evaluation.live.randomization import Effect, Sums, between, within
from model.evaluation.live.sequence import FEWEST_AT_A_LOOK, look
from model.evaluation.live.split_check import check_split
from model.evaluation.table import to_lines

CALLERS = 200
DAYS = 30
_DRAWS, _DRAWS_A_LOOK = 999, 399  # of the randomization tests, whose error rate does not depend on them
_MOST_REQUESTS = 5000  # a caller
_SMALLEST = {"means": 5.0, "shares": 0.04, "shadows": 0.3}
"""The smallest difference of interest, for the sequential test: about what callers of a month can show."""


@dataclass(frozen=True)
class Traffic:
    """What callers have sent: arrays of a number each.

    Attributes:
        requests: at least 1 each.
        milliseconds: of all of them together.
        wrong: the requests whose answers were reported wrong.
        differences: of the counts of two versions on the same pictures, added up.
    """

    requests: Values
    milliseconds: Values
    wrong: Values
    differences: Values

    def of(self, callers: np.ndarray) -> Traffic:
        """The traffic of some callers."""
        return Traffic(
            self.requests[callers], self.milliseconds[callers], self.wrong[callers], self.differences[callers]
        )

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.requests + other.requests,
            self.milliseconds + other.milliseconds,
            self.wrong + other.wrong,
            self.differences + other.differences,
        )

    def sums(self, figure: str) -> Sums:
        """A figure of these callers."""
        if figure == "means":
            return Sums(self.milliseconds, self.requests).by_caller()
        return Sums(self.wrong if figure == "shares" else self.differences, self.requests)


class Callers:
    """Made-up callers, each with habits of its own that no version changes."""

    def __init__(self, number: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self.busy = 1 + 3 * rng.pareto(1.1, number)
        self._milliseconds = rng.lognormal(3, 0.7, number)
        self._wrong = rng.beta(0.5, 6, number)
        self._differences = rng.normal(0, 1, number)

    def send(self, requests: Values) -> Traffic:
        """What comes of so many requests of each caller."""
        requests = np.minimum(requests, _MOST_REQUESTS)
        noise = self._rng.normal(0, 1, (2, len(requests))) * np.sqrt(requests)
        return Traffic(
            requests,
            self._milliseconds * (requests + 0.5 * noise[0]),
            self._rng.binomial(requests.astype(np.int64), self._wrong).astype(np.float64),
            self._differences * requests + 2 * noise[1],
        )


def once(rng: np.random.Generator, draws: int = _DRAWS) -> Counter[str]:
    """Which tests find a difference in one study that is looked at once."""
    found: Counter[str] = Counter()
    callers = Callers(CALLERS, rng)
    traffic = callers.send(np.floor(callers.busy))
    for name, share in (("50/50", 0.5), ("90/10", 0.1)):
        in_b = rng.random(CALLERS) < share
        a, b = traffic.of(~in_b), traffic.of(in_b)
        for figure in ("means", "shares"):
            effect = between(a.sums(figure), b.sums(figure), draws=draws, seed=_seed(rng))
            found[f"split {name}, {figure}"] += effect.is_real
        found[f"split {name}, shares, by request"] += _two_proportions(a, b)
        check = check_split(
            {"a": 1 - share, "b": share}, {"a": int((~in_b).sum()), "b": int(in_b.sum())}, draws
        )
        found[f"split {name}, check of the split"] += check.p_value <= 0.05
    sums = traffic.sums("shadows")
    found["shadow, by caller"] += within(sums, draws=draws, seed=_seed(rng)).is_real
    per_picture = np.repeat(sums.totals / sums.counts, np.minimum(sums.counts, 50).astype(int))
    per_picture += rng.normal(0, 2, len(per_picture))
    found["shadow, by picture, pictures of a caller alike"] += _bootstrap(per_picture, draws, rng)
    alone = rng.poisson(40, CALLERS) - rng.poisson(40, CALLERS)
    found["shadow, by picture, each from another caller"] += _bootstrap(alone.astype(np.float64), draws, rng)
    return found


def daily(rng: np.random.Generator, share: float, draws: int = _DRAWS_A_LOOK) -> Counter[str]:
    """Which tests find a difference at any of the looks of a month."""
    found: set[str] = set()
    callers = Callers(2 * CALLERS, rng)
    first_day = rng.integers(0, DAYS, 2 * CALLERS)
    first_day[: CALLERS // 3] = 0
    in_b = rng.random(2 * CALLERS) < share
    so_far = callers.send(np.zeros(2 * CALLERS))
    for day in range(DAYS):
        so_far += callers.send(
            rng.poisson(np.where(first_day <= day, callers.busy / 10, 0)).astype(np.float64)
        )
        seen = so_far.requests > 0
        a, b = so_far.of(seen & ~in_b), so_far.of(seen & in_b)
        if min(len(a.requests), len(b.requests)) < FEWEST_AT_A_LOOK:
            continue
        effects: dict[str, Effect] = {
            "means": between(a.sums("means"), b.sums("means"), draws=draws, seed=day),
            "shares": between(a.sums("shares"), b.sums("shares"), draws=draws, seed=day),
            "shadows": within(so_far.of(seen).sums("shadows"), draws=draws, seed=day),
        }
        for name, effect in effects.items():
            if effect.is_real:
                found.add(f"{name}, the test for one look")
            if look(effect, _SMALLEST[name]).is_real:
                found.add(f"{name}, sequential")
    return Counter(found)


def _two_proportions(a: Traffic, b: Traffic) -> bool:
    """The textbook's test of two shares, which takes each request for itself."""
    requests = np.array([a.requests.sum(), b.requests.sum()])
    wrong = np.array([a.wrong.sum(), b.wrong.sum()])
    shares, pooled = wrong / requests, wrong.sum() / requests.sum()
    return bool(abs(shares[0] - shares[1]) > 1.96 * np.sqrt(pooled * (1 - pooled) * (1 / requests).sum()))


def _bootstrap(differences: Values, draws: int, rng: np.random.Generator) -> bool:
    return difference(np.zeros(len(differences)), differences, draws=2 * draws, seed=_seed(rng)).is_real


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 32))


def rates(study: Callable[[np.random.Generator], Counter[str]], studies: int) -> dict[str, float]:
    """Test → the share of studies in which it finds a difference."""
    found: Counter[str] = Counter()
    for number in range(studies):
        found.update(study(np.random.default_rng(number)))
    return {name: count / studies for name, count in found.items()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--studies", type=int, default=2000, help="that are looked at once (default: 2000)")
    parser.add_argument("--months", type=int, default=500, help="with daily looks (default: 500)")
    arguments = parser.parse_args()
    found = rates(once, arguments.studies)
    rows = {name: {"differences found": f"{100 * rate:.1f} %"} for name, rate in found.items()}
    title = f"one look, {arguments.studies:,} studies of {CALLERS} callers"
    print("\n".join(to_lines(rows, title)), flush=True)
    by_share = {
        name: rates(lambda rng, share=share: daily(rng, share), arguments.months)  # type: ignore[misc]
        for name, share in (("50/50", 0.5), ("90/10", 0.1))
    }
    names = [f"{figure}, {test}" for figure in _SMALLEST for test in ("the test for one look", "sequential")]
    table = {
        test: {f"split {name}": f"{100 * found.get(test, 0.0):.1f} %" for name, found in by_share.items()}
        for test in names
    }
    print()
    print(
        "\n".join(
            to_lines(
                table, f"{DAYS} daily looks, {arguments.months:,} studies of up to {2 * CALLERS} callers"
            )
        )
    )


if __name__ == "__main__":
    main()
