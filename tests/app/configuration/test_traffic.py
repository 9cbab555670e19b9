from __future__ import annotations

from collections import Counter

import pytest

from app.configuration.kinds import Mistake
from app.configuration.settings import BadSetting, Settings
from app.configuration.traffic import shadows_in, split_in

CALLERS = [f"caller {number}" for number in range(10_000)]


def versions_of(text: str) -> list[str]:
    split = split_in(text)
    return [arm.version for caller in CALLERS if (arm := split.arm_for("nuclei", caller))]


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("nuclei@2=90,nuclei@3=10", {"2": 90, "3": 10}),
        ("nuclei@2=50, nuclei@3=50", {"2": 50, "3": 50}),
        ("nuclei@2=33.3,nuclei@3=33.3,nuclei@4=33.4", {"2": 33.3, "3": 33.3, "4": 33.4}),
        ("nuclei@2=0.5,nuclei@3=99.5", {"2": 0.5, "3": 99.5}),
        ("nuclei@2=100", {"2": 100}),  # pins the version
        ("nuclei@2=100,nuclei@3=0", {"2": 100, "3": 0}),
    ],
)
def test_callers_are_split_as_asked_within_one_point(text: str, shares: dict[str, float]) -> None:
    counted = Counter(versions_of(text))
    assert {version: counted[version] / 100 for version in shares} == pytest.approx(shares, abs=1)


def test_a_caller_always_gets_the_same_version() -> None:
    # As on any other machine: a change here would move the callers of every running test.
    assert versions_of("nuclei@2=50,nuclei@3=50")[:12] == list("333223333223")


def test_the_order_in_which_arms_are_written_does_not_matter() -> None:
    assert versions_of("nuclei@2=70,nuclei@3=30") == versions_of("nuclei@3=30,nuclei@2=70")


@pytest.mark.parametrize(
    ("before", "after", "expected"),  # of callers that move, in per cent
    [
        ("nuclei@2=90,nuclei@3=10", "nuclei@2=80,nuclei@3=20", {("2", "3"): 10}),
        ("nuclei@2=80,nuclei@3=20", "nuclei@2=90,nuclei@3=10", {("3", "2"): 10}),
        ("nuclei@2=90,nuclei@3=10", "nuclei@2=100", {("3", "2"): 10}),
        ("nuclei@2=90,nuclei@3=10", "nuclei@3=100", {("2", "3"): 90}),
        ("nuclei@2=80,nuclei@3=20", "nuclei@2=40,nuclei@3=10,nuclei@4=50", {("2", "4"): 40, ("3", "4"): 10}),
    ],
)
def test_only_those_callers_move_that_must(
    before: str, after: str, expected: dict[tuple[str, str], float]
) -> None:
    pairs = Counter(zip(versions_of(before), versions_of(after), strict=True))
    moved = {pair: count / 100 for pair, count in pairs.items() if pair[0] != pair[1]}
    assert moved == pytest.approx(expected, abs=1)


def test_the_splits_of_two_models_are_independent() -> None:
    split = split_in("nuclei@1=50,nuclei@2=50,people@1=50,people@2=50")
    arms = [(split.arm_for("nuclei", one), split.arm_for("people", one)) for one in CALLERS]
    same = sum(a is not None and b is not None and a.version == b.version for a, b in arms)
    assert same == pytest.approx(5000, abs=200)
    assert split.arm_for("gate", "anybody") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nuclei@2=90,nuclei@3=5", "the shares of nuclei add up to 95: they must add up to 100"),
        ("nuclei@2=90,nuclei@2=10", "nuclei@2 is named twice"),
        ("nuclei=90", "'nuclei' names no version: write NAME@VERSION"),
        ("nuclei@2", "nuclei@2 has no share: write nuclei@2=90"),
        ("nuclei@2=90%,nuclei@3=10%", "a number of per cent from 0 to 100, not '90%'"),
        ("nuclei@2=nan", "not 'nan'"),
        ("nuclei@2=-5,nuclei@3=105", "not '-5'"),
        ("../x@2=100", "'../x@2' is not the name and version of a model"),
        ("nuclei@../2=100", "'nuclei@../2' is not the name and version of a model"),
    ],
)
def test_a_wrong_split_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BadSetting, match="MASKSERVE_TRAFFIC must be versions with shares") as raised:
        Settings.from_environment({"MASKSERVE_TRAFFIC": text})
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nuclei", "names no version"),
        ("nuclei@4,nuclei@5", "nuclei@4 and nuclei@5 are of the same model: a model has at most one shadow"),
    ],
)
def test_a_wrong_shadow_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Mistake, match=why):
        shadows_in(text)


def test_a_share_of_pictures_is_from_0_to_1() -> None:
    assert Settings.from_environment({"MASKSERVE_SHADOW_SHARE": "0.1"}).shadow_share == 0.1
    with pytest.raises(BadSetting, match="MASKSERVE_SHADOW_SHARE must be a number from 0 to 1, not '10'"):
        Settings.from_environment({"MASKSERVE_SHADOW_SHARE": "10"})


def test_splits_are_written_as_they_are_read() -> None:
    text = "nuclei@2=90,nuclei@3=10,people@1=99.5,people@2=0.5"
    assert str(split_in(f" {text} ,")) == text
    assert str(split_in("")) == ""
