"""`python -m model compare --log` says which of two versions of a live service is better, or why not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from model.__main__ import main

SPLIT = ("--split", "cells@2=50,cells@3=50")

Entries = list[dict[str, Any]]
Compare = Callable[..., tuple[int, str]]


def traffic(callers: int, wrong: tuple[float, float] = (0.3, 0.3), share: float = 0.5) -> Entries:
    """Requests and feedback of callers in two arms, of whose answers a share is wrong."""
    rng = random.Random(7)
    entries = []
    for caller in range(callers):
        arm = int(rng.random() < share)
        for number in range(1 + min(50, int(rng.paretovariate(1.2)))):
            entries += asked(f"r{caller}-{number}", f"c{caller}", 2 + arm, 100 - 20 * arm + rng.gauss(0, 5))
            verdict = "wrong" if rng.random() < wrong[arm] else "right"
            entries.append({"feedback": {"request_id": f"r{caller}-{number}", "verdict": verdict}})
    return entries


def asked(request_id: str, caller: str, version: int, milliseconds: float) -> Entries:
    image = {
        "model": "cells",
        "version": str(version),
        "arm": f"cells@{version}",
        "segments": 10,
        "timings_ms": {"infer": milliseconds},
    }
    http = {"requestMethod": "POST", "requestUrl": "/api/v1/segment", "status": 200, "latency": "0.2s"}
    return [{"request_id": request_id, "caller": caller, "httpRequest": http, "images": [image]}]


def shadows(pictures: int, more: float, callers: int | None = None) -> Entries:
    """Pictures in which the shadow finds `more` segments, with their requests if `callers` sent them."""
    rng = random.Random(1)
    entries = []
    for number in range(pictures):
        if callers:
            entries += asked(f"r{number}", f"c{number % callers}", 2, 100)
        count = rng.randint(5, 40)
        known = {
            "request_id": f"r{number}",
            "image": 0,
            "model": "cells",
            "version": "2",
            "shadow_version": "4",
        }
        found = {"count": count, "shadow_count": count + rng.gauss(more, 1), "matched": rng.uniform(0.7, 1)}
        times = {"infer_ms": 100 + rng.gauss(0, 3), "shadow_infer_ms": 80 + rng.gauss(0, 3)}
        entries.append({"shadow": {**known, **found, **times, "score_difference": rng.gauss(0, 0.1)}})
    return entries


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Compare:
    """Runs the command on a log; returns its status and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(entries: Entries | None, *words: str) -> tuple[int, str]:
        if entries is not None:
            (tmp_path / "log").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
            words = ("--log", "log", *words)
        try:
            status = main(["compare", *words])
        except SystemExit as end:  # argparse's
            status = int(end.code or 0)
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def test_the_version_with_fewer_wrong_answers_is_better(compare: Compare) -> None:
    status, said = compare(traffic(120, wrong=(0.4, 0.1)), *SPLIT, "--require-better")
    assert "They are split as was asked" in said
    assert "cells@3 is better than cells@2, by more than chance: the share of judged pictures" in said
    assert "on 120 callers (" in said
    assert status == 0


def test_a_difference_that_may_be_chance_is_none_and_how_many_would_show_it_is_said(compare: Compare) -> None:
    status, said = compare(traffic(120), *SPLIT, "--require-better")
    assert "Not more than chance between cells@2 and cells@3" in said
    assert "callers would show it (in 4 of 5 studies)" in said
    assert status == 3


def test_another_split_than_was_asked_gets_no_verdict(compare: Compare) -> None:
    entries = traffic(300, wrong=(0.4, 0.1), share=0.2)
    status, said = compare(entries, *SPLIT, "--require-better")
    assert "They are split NOT as was asked" in said
    assert "No verdict: the callers are not split as was asked" in said
    assert "is better" not in said
    assert status == 3


def test_callers_in_both_versions_get_no_verdict(compare: Compare) -> None:
    entries = traffic(60)
    for caller in range(3):
        entries += asked(f"a{caller}", f"x{caller}", 2, 100) + asked(f"b{caller}", f"x{caller}", 3, 100)
    _, said = compare(entries, *SPLIT)
    assert "No verdict: 3 of 63 callers were in several versions" in said


def test_without_feedback_it_is_about_time_and_says_so(compare: Compare) -> None:
    entries = [entry for entry in traffic(60) if "feedback" not in entry]
    _, said = compare(entries, *SPLIT)
    assert "cells@3 is better than cells@2, by more than chance: the time of a picture's inference" in said
    assert "The log has no feedback" in said


def test_few_callers_get_no_verdict(compare: Compare) -> None:
    _, said = compare(traffic(8), *SPLIT)
    assert "No verdict: each version needs 6 callers" in said


def test_a_sequential_look_is_wider_and_says_by_how_much(compare: Compare) -> None:
    words = (*SPLIT, "--figure", "infer_ms", "--sequential", "--difference", "10")
    _, said = compare(traffic(120), *words)
    assert "cells@3 is better than cells@2, by more than chance, at this look and all before it" in said
    assert "The test may stop here. The interval is 1." in said
    _, said = compare(traffic(30), *words)
    assert "No verdict yet: a look with --sequential needs 20 callers of each version" in said


def test_two_of_three_versions_are_compared(compare: Compare) -> None:
    three = ("--split", "cells@2=50,cells@3=50,cells@4=0.001")
    status, said = compare(traffic(60), *three)
    assert (status, "say which two to compare, as in --between cells@2 cells@3" in said) == (1, True)
    _, said = compare(traffic(60), *three, "--between", "cells@3", "cells@2")
    assert "between cells@3 and cells@2" in said


def test_a_shadow_differs_by_caller_where_callers_are_known(compare: Compare) -> None:
    _, said = compare(shadows(90, more=0.8, callers=15), "--shadow")
    assert "cells@2 and cells@4 differ by more than chance, and count does not say which is better" in said
    assert "on 90 pictures of 15 callers" in said
    assert "The caller is the unit" in said
    assert "The share of segments on which both agree at IoU 0.5 is 8" in said


def test_a_shadow_differs_by_picture_where_callers_are_not_known(compare: Compare) -> None:
    status, said = compare(
        shadows(90, more=0), "--shadow", "cells@4", "--figure", "infer_ms", "--require-better"
    )
    assert "cells@4 is better than cells@2, by more than chance: the time of a picture's inference" in said
    assert "their callers are unknown" in said
    assert status == 0
    _, said = compare(shadows(90, more=0), "--shadow")
    assert "Not more than chance between cells@2 and cells@4" in said


def test_a_shadow_can_be_looked_at_every_day(compare: Compare) -> None:
    _, said = compare(shadows(90, more=0.8), "--shadow", "--sequential", "--difference", "0.5")
    assert "at this look and all before it: the number of segments" in said


def metrics(path: Path, *differences: int) -> str:
    """What GET /metrics answers after a shadow has found so many segments more."""
    registry = CollectorRegistry()
    labels, ends = (
        ("model", "version", "shadow_version"),
        {"matched": (0.5, 0.9, 1.0), "count_difference": (-1, 0, 1)},
    )
    histograms = {
        name: Histogram(f"maskserve_shadow_{name}", "A figure.", labels, buckets=buckets, registry=registry)
        for name, buckets in ends.items()
    }
    for difference in differences:
        histograms["count_difference"].labels("cells", "2", "4").observe(difference)
        histograms["matched"].labels("cells", "2", "4").observe(0.8)
    path.write_bytes(generate_latest(registry))
    return str(path)


def test_the_metrics_of_a_shadow_say_whether_it_finds_more(compare: Compare, tmp_path: Path) -> None:
    before = metrics(tmp_path / "before", *[-1] * 9)
    after = metrics(tmp_path / "after", *[-1] * 12, *[0] * 20, *[2] * 18)
    status, said = compare(None, "--metrics", before, after)
    assert status == 0
    assert (
        "cells@4 finds more segments than cells@2, by more than chance: cells@4 found more segments in 18 "
        in said
    )
    assert "fewer in 3, and as many in 20" in said
    assert "on which both agree at IoU 0.5 is 80.00 % (95 % interval 7" in said
    for words, complaint in (
        ((after, before), "name the earlier moment first"),
        ((before, before), "these shadows compared pictures: none"),
        ((before, after, *SPLIT), "--split does not go with --metrics, which do not know callers"),
    ):
        status, said = compare(None, "--metrics", *words)
        assert (status, complaint in said) == (1, True), said


@pytest.mark.parametrize(
    ("entries", "words", "expected"),
    [
        (None, ("--split", "m@1=90,m@2=10", "--baseline", "0.1"), "of m@1 and"),
        (
            None,
            (*SPLIT, "--figure", "segments", "--spread", "4"),
            "252 callers of cells@2 and 252 of cells@3",
        ),
        (None, ("--shadow", "--spread", "2"), "126 pictures are needed"),
        ("traffic", (*SPLIT, "--figure", "infer_ms"), "In the log, the time of a picture's inference is 89"),
        ("shadows", ("--shadow",), "From the differences of 40 pictures in the log"),
    ],
)
def test_a_plan_says_how_many_are_needed(
    compare: Compare, entries: str | None, words: tuple[str, ...], expected: str
) -> None:
    log = {"traffic": traffic(60), "shadows": shadows(40, more=0)}.get(entries or "")
    difference = {"--split": "1", "--shadow": "0.5"}[words[0]] if "--baseline" not in words else "0.02"
    status, said = compare(log, "--plan", *words, "--difference", difference)
    assert status == 0, said
    assert expected in said
    assert "in 80 of 100 such studies" in said
    assert "If you look every day instead (--sequential), plan for up to" in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "say which split was asked for: --split cells@2=…,cells@3=…"),
        (("--split", "dogs@1=50,dogs@2=50"), "no picture in the log has one of the arms dogs@1, dogs@2"),
        (("--shadow",), "the log has no lines of a shadow: set MASKSERVE_SHADOW"),
        ((*SPLIT, "--shadow"), "use one of both"),
        ((*SPLIT, "--sequential"), "--sequential needs --difference"),
        ((*SPLIT, "--plan"), "--plan needs --difference"),
        ((*SPLIT, "--difference", "1"), "--difference is for --plan and --sequential"),
        ((*SPLIT, "--baseline", "0.1"), "--baseline is for --plan"),
        ((*SPLIT, "--figure", "AP50"), "--figure AP50 is not one of these: wrong, complaints"),
        (
            (*SPLIT, "--figure", "segments", "--require-better"),
            "needs a --figure of which less is better: wrong",
        ),
        ((*SPLIT, "--between", "cells@2", "cells@9"), "--between cells@9 is not in --split"),
        (("--between", "cells@2", "cells@3"), "--between needs --split"),
        ((*SPLIT, "--since", "2030-01-01"), None),
        ((*SPLIT, "--since", "yesterday"), "is not a time such as 2026-11-02"),
        (("--split", "cells@2=50"), "name at least two"),
        ((*SPLIT, "--sequential", "--difference", "0"), "is not above 0"),
    ],
)
def test_what_does_not_go_together_is_said(
    compare: Compare, words: tuple[str, ...], complaint: str | None
) -> None:
    status, said = compare(traffic(30), *words)
    if complaint is not None:
        assert status != 0
        assert complaint in said


def test_a_plan_is_not_learned_from_callers_who_are_all_alike(compare: Compare) -> None:
    status, said = compare(traffic(20), "--plan", *SPLIT, "--figure", "failed", "--difference", "0.1")
    assert (status, "failed is 0.00 % for all callers in the log" in said) == (1, True)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "name two evaluations, A.json B.json, or a service's log"),
        (("A.json",), "name two evaluations"),
        (("A.json", "B.json", "--split", "m@1=50,m@2=50"), "--split needs --log FILE"),
        (("A.json", "B.json", "--log", "x"), "use one of both"),
        (("--log", "missing", *SPLIT), "missing"),
        (("--plan", "--difference", "1"), "--plan needs --split nuclei@2=90,nuclei@3=10, or --shadow"),
        (("--plan", *SPLIT, "--difference", "0.1"), "or --baseline, the share of now"),
        (("--plan", "--shadow", "--difference", "0.1"), "or --spread, the standard deviation"),
        (
            ("--plan", *SPLIT, "--difference", "2", "--baseline", "0.5"),
            "more than a share of 0.5 can change by",
        ),
    ],
)
def test_what_is_missing_is_said(compare: Compare, words: tuple[str, ...], complaint: str) -> None:
    status, said = compare(None, *words)
    assert (status, complaint in said) == (1, True), said
