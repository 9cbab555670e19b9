"""The log of a service is read in each form that it comes in, and nothing else is."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from model.evaluation.live.arms import arms_of
from model.evaluation.live.service_log import read_log
from model.evaluation.live.shadows import shadows_of
from model.evaluation.live.split import parse_split


def request(number: int, arm: str | None = "cells@2", caller: str = "c1", **changed: Any) -> dict[str, Any]:
    """An entry as the service writes it."""
    image = {"model": "cells", "version": "2", "segments": 5, "timings_ms": {"infer": 40.0}}
    return {
        "timestamp": f"2026-11-02T10:{number % 60:02}:00+00:00",
        "request_id": f"r{number}",
        "caller": caller,
        "httpRequest": {
            "requestMethod": "POST",
            "requestUrl": "/api/v1/segment",
            "status": 200,
            "latency": "0.100s",
        },
        "images": [{**image, "arm": arm} if arm else image],
        **changed,
    }


def feedback(number: int, verdict: str = "wrong", image: int = 0) -> dict[str, Any]:
    return {"feedback": {"request_id": f"r{number}", "image": image, "verdict": verdict}}


def shadow(number: int, **changed: Any) -> dict[str, Any]:
    line = {"request_id": f"r{number}", "image": 0, "model": "cells", "version": "2", "shadow_version": "4"}
    return {"shadow": {**line, "count": 5, "shadow_count": 6, "matched": 0.8, **changed}}


def exported(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as Cloud Logging exports it: it takes some members out of the payload."""
    taken = {name: entry.pop(name) for name in ("httpRequest", "timestamp") if name in entry}
    return {"insertId": "x", "logName": "projects/p/logs/stdout", "jsonPayload": entry, **taken}


def write(path: Path, entries: list[Any]) -> Path:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in entries))
    return path


def test_lines_of_the_service_are_read_and_others_are_counted(tmp_path: Path) -> None:
    others = ["*** uWSGI is running ***", {"message": "the models are loaded"}, '{"half a line']
    log = read_log([write(tmp_path / "log", [request(1), *others, feedback(1), shadow(1)])])
    assert [one.id for one in log.requests] == ["r1"]
    assert log.requests[0].milliseconds == 100
    assert (len(log.shadows), log.wrong, log.other_lines) == (1, {("r1", 0): True}, 3)


def test_what_cloud_logging_exports_is_read_as_lines_and_as_a_list(tmp_path: Path) -> None:
    entries = [exported(one) for one in (request(1), request(2), shadow(1), feedback(2))]
    lines = read_log([write(tmp_path / "lines", entries)])
    (tmp_path / "list").write_text(json.dumps(entries, indent=2))
    listed = read_log([tmp_path / "list"])
    assert lines == listed
    assert len(lines.requests) == 2
    assert lines.requests[0].status == 200


def test_compressed_files_and_standard_input_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(json.dumps(request(1)).encode()))
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request(2))))
    log = read_log([tmp_path / "log.gz", Path("-")])
    assert [one.id for one in log.requests] == ["r1", "r2"]


@pytest.mark.parametrize("damage", [lambda data: data[:-12], lambda data: b"{" + data[1:]])
def test_a_compressed_file_that_is_damaged_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    whole = gzip.compress(json.dumps([request(number) for number in range(50)]).encode())
    (tmp_path / "log.gz").write_bytes(damage(whole))
    with pytest.raises(ValueError, match=r"log\.gz is damaged or was cut short"):
        read_log([tmp_path / "log.gz"])


def test_a_line_that_nests_too_deeply_is_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(json.dumps(request(1)) + "\n" + "[" * 100_000)
    log = read_log([tmp_path / "log"])
    assert (len(log.requests), log.other_lines) == (1, 1)


def test_a_period_leaves_out_requests_but_not_their_feedback(tmp_path: Path) -> None:
    path = write(
        tmp_path / "log", [request(1), request(30), {**feedback(1), "timestamp": "2026-11-09T00:00:00Z"}]
    )
    log = read_log([path], until=datetime(2026, 11, 2, 10, 30, tzinfo=UTC))
    assert [one.id for one in log.requests] == ["r1"]
    assert log.wrong == {("r1", 0): True}
    assert log.first == log.last == datetime(2026, 11, 2, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no line is of the log of a service"),
        (b"hello\n", "Expected is what the service writes to stdout"),
        (b"[1, 2", "begins like a list in JSON, but is none"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
        (b'{"images": [{"model": 3}], "httpRequest": {"status": 200}}', "line 1: images.0.model"),
    ],
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "log").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_log([tmp_path / "log"])


def test_callers_have_the_arm_and_the_feedback_of_their_requests(tmp_path: Path) -> None:
    refused = {"images": [], "refused": ["busy"], "httpRequest": {"requestMethod": "POST", "status": 503}}
    named = [{"model": "cells", "version": "3", "chosen_by": "caller", "segments": 9}]
    batch = [
        {"model": "cells", "version": "3", "arm": "cells@3", "segments": 2},
        {"model": "cells", "version": "3", "arm": "cells@3", "segments": 4, "image": 2},
    ]
    entries = [
        request(1),
        request(2, **refused),  # its model is not known, but its caller's arm is
        request(3, images=named),  # the caller chose: no part of the split
        request(4, "cells@3", "c2", images=batch),
        request(5, "cells@2", "c3"),
        request(6, "cells@3", "c3"),  # in both
        feedback(1, "right"),
        feedback(1, "wrong"),  # the last one counts
        feedback(4, "right", image=2),
        feedback(77),
    ]
    arms = arms_of(read_log([write(tmp_path / "log", entries)]), ["cells@2", "cells@3"])
    assert {arm: list(callers) for arm, callers in arms.callers.items()} == {
        "cells@2": ["c1"],
        "cells@3": ["c2"],
    }
    assert (arms.in_several, arms.unknown_feedback) == (1, 1)
    assert arms.sums("cells@2", "failed").mean == 0.5
    assert arms.sums("cells@2", "wrong").mean == 1
    assert arms.sums("cells@3", "wrong").mean == 0
    assert arms.sums("cells@3", "segments").mean == 3
    assert arms.sums("cells@3", "complaints").counts.tolist() == [2]


def test_shadows_are_paired_by_caller_if_the_log_tells_them(tmp_path: Path) -> None:
    lines = [shadow(n, shadow_count=5 + n % 2) for n in range(12)]
    callers = [request(n, caller=f"c{n // 2}") for n in range(12)]
    known = shadows_of(read_log([write(tmp_path / "both", [*callers, *lines])])).pair("count")
    unknown = shadows_of(read_log([write(tmp_path / "shadows", lines)])).pair("count")
    assert known is not None
    assert unknown is not None
    assert (len(known.by_caller()), len(unknown.by_caller())) == (6, 12)
    assert known.by_caller().mean == unknown.by_caller().mean == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nuclei@2=100", "name at least two"),
        ("nuclei@2", "is not NAME@VERSION=WEIGHT"),
        ("nuclei=90,people=10", "is not NAME@VERSION=WEIGHT"),
        ("nuclei@2=90,people@1=10", "several models"),
        ("nuclei@2=90,nuclei@2=10", "twice"),
        ("nuclei@2=90,nuclei@3=many", "not a number"),
        ("nuclei@2=100,nuclei@3=0", "name at least two"),
        ("nuclei@2=100,nuclei@3=-1", "no share of callers"),
        ("nuclei@2=90,nuclei@3=20", "add up to 110: they must add up to 100"),
        ("nuclei@2=0.9,nuclei@3=0.1", "add up to 1: they"),
        ("", "is not NAME@VERSION=WEIGHT"),
    ],
)
def test_a_bad_split_says_why(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_split(text)


def test_a_split_is_written_as_in_the_setting() -> None:
    assert parse_split("nuclei@2=90, nuclei@3=10,nuclei@4=0") == {"nuclei@2": 90, "nuclei@3": 10}
