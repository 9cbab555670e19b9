from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from app.monitoring.processes import memory_limit

ROOT = Path(__file__).parents[3]
URL = "/api/v1/segment"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"maskserve_{name}", frozenset(labels.items())]


def scrape(client: FlaskClient) -> Samples:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return parse(response.text)


def post(client: FlaskClient, data: bytes, query: str = "") -> int:
    return client.post(URL + query, data=data, content_type="image/png").status_code


def test_metrics_that_are_off_are_shown_to_nobody_and_the_service_works(png: bytes) -> None:
    client = create_app({"stub": StubSegmenter()}, Settings(metrics="off")).test_client()
    assert post(client, png) == 200
    answer = client.get("/metrics")
    assert answer.status_code == 404
    assert "MASKSERVE_METRICS=off" in answer.get_json()["detail"]


def test_a_segmented_image_is_counted_with_its_stages_and_segments(client: FlaskClient, png: bytes) -> None:
    for _ in range(2):
        assert post(client, png) == 200
    found = scrape(client)
    assert value(found, "requests_total", route=URL, method="POST", status="200") == 2
    assert value(found, "request_seconds_count", route=URL) == 2
    assert 0 < value(found, "request_seconds_sum", route=URL) < 10
    for stage in ("decode", "queue", "infer", "masks", "encode"):
        assert value(found, "stage_seconds_count", model="stub", version="1", stage=stage) == 2
    assert value(found, "segments_total", **{"model": "stub", "version": "1", "class": "cell"}) == 2
    assert value(found, "segments_total", **{"model": "stub", "version": "1", "class": "fibre"}) == 2
    assert value(found, "score_bucket", model="stub", version="1", le="0.8") == 2  # of 0.9 and 0.6 each time
    assert value(found, "score_count", model="stub", version="1") == 4
    answered = {"model": "stub", "version": "1", "chosen_by": "default"}
    assert value(found, "images_answered_total", **answered) == 2
    assert value(found, "image_bytes_sum") == 2 * len(png)
    assert value(found, "image_pixels_sum") == 2 * 64 * 48
    assert value(found, "model_info", model="stub", version="1", engine="stub", precision="f32") == 1
    assert value(found, "processes_started_total") == 1


def test_a_refused_image_is_counted_by_its_reason_and_the_stages_that_it_came_to(
    client: FlaskClient, jpeg: bytes
) -> None:
    assert post(client, jpeg[:2000]) == 422
    assert post(client, b"text") == 415
    assert post(client, jpeg, "?threshold=2") == 400
    assert post(client, b"") == 400
    found = scrape(client)
    for reason in ("broken-image", "not-an-image", "bad-parameter", "no-image"):
        assert value(found, "refusals_total", reason=reason) == 1
    assert (
        value(found, "stage_seconds_count", model="stub", version="1", stage="decode") == 1
    )  # text is no picture before that
    assert not any(labels >= {("stage", "infer")} for _, labels in found)
    assert value(found, "image_pixels_count") == 0


def test_what_callers_make_up_makes_no_new_series(client: FlaskClient) -> None:
    for number in range(50):
        client.get(f"/made-up-{number}?{number}")
        client.open("/livez", method=f"METHOD{number}")
        client.get(f"/static/made-up-{number}")
        client.get(f"/api/v1/models/made-up-{number}")
    requests = {labels: count for (name, labels), count in scrape(client).items() if "requests_total" in name}
    assert {frozenset(labels): count for labels, count in requests.items()} == {
        frozenset({("route", "unknown"), ("method", "GET"), ("status", "404")}): 50,
        frozenset({("route", "unknown"), ("method", "other"), ("status", "405")}): 50,
        frozenset({("route", "/static/<path:filename>"), ("method", "GET"), ("status", "404")}): 50,
        frozenset({("route", "/api/v1/models/<name>"), ("method", "GET"), ("status", "404")}): 50,
    }


def test_who_runs_waits_and_is_refused_is_seen_while_it_happens(
    app: Flask, segmenter: StubSegmenter, png: bytes
) -> None:
    client = app.test_client()
    segmenter.may_finish.clear()
    threads = [threading.Thread(target=post, args=(app.test_client(), png)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert segmenter.running.acquire(timeout=60)
    for _ in range(500):
        if value(scrape(client), "queue_depth") == 1:
            break
        threading.Event().wait(0.01)
    assert post(client, png) == 503
    with app.extensions["maskserve"].admission.watch("arriving"):
        busy = scrape(client)
    segmenter.may_finish.set()
    for thread in threads:
        thread.join()
    idle = scrape(client)
    states = ("requests_in_flight", "queue_depth", "inferences_running", "uploads_arriving")
    assert [value(busy, state) for state in states] == [2, 1, 1, 1]
    assert [value(idle, state) for state in states] == [0, 0, 0, 0]
    assert value(idle, "refusals_total", reason="busy") == 1


def test_the_process_tells_its_cpu_time_and_memory(client: FlaskClient) -> None:
    found = scrape(client)
    pid = str(os.getpid())
    assert value(found, "process_cpu_seconds_total", pid=pid) > 0
    assert value(found, "process_resident_memory_bytes", pid=pid) > 1e6
    assert value(found, "process_start_time_seconds", pid=pid) > 1.7e9


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "1073741824\n"}, 2**30),  # version 2
        ({"memory.max": "max\n"}, None),
        ({"memory/memory.limit_in_bytes": "1073741824\n"}, 2**30),  # version 1
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({}, None),
    ],
)
def test_the_memory_that_a_container_may_have_is_known(
    tmp_path: Path, files: dict[str, str], limit: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory_limit(tmp_path) == limit


# --- Several processes --------------------------------------------------------------------------------------

SERVICE = """
import resource
import sys
from stub_segmenter import StubSegmenter
from app import create_app

app = create_app({"stub": StubSegmenter()})
client = app.test_client()
for line in sys.stdin:
    command = line.strip()
    if command.startswith("files of "):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(command.split()[2]), resource.RLIM_INFINITY))
        print("done")
    elif command == "hang":
        app.extensions["maskserve"].admission.watch("running").__enter__()
        print("hangs")
    else:
        print(repr(client.get(command).text))
    sys.stdout.flush()
"""


class Process:
    """A process that asks its own service, as it is told to."""

    def __init__(self, folder: Path, *prefix: str) -> None:
        self.popen = subprocess.Popen(
            [*prefix, sys.executable, "-c", SERVICE],
            env={"PYTHONPATH": f"{ROOT}:{ROOT}/tests/app", "PROMETHEUS_MULTIPROC_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ask("/livez")

    def ask(self, command: str) -> str:
        assert self.popen.stdin and self.popen.stdout
        self.popen.stdin.write(command + "\n")
        self.popen.stdin.flush()
        while (line := self.popen.stdout.readline()).startswith("{"):
            pass  # its log
        return line

    def scrape(self) -> Samples:
        return parse(ast.literal_eval(self.ask("/metrics")))

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()


@contextmanager
def processes(folder: Path, number: int) -> Iterator[list[Process]]:
    started = [Process(folder) for _ in range(number)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()


PROBED = {"route": "/livez", "method": "GET", "status": "200"}


def test_each_process_answers_for_all_and_what_the_dead_counted_stays(tmp_path: Path) -> None:
    with processes(tmp_path / "counts", 3) as (first, second, third):
        first.ask("/livez")
        second.ask("hang")
        for process in (first, second, third):
            found = process.scrape()
            assert value(found, "requests_total", **PROBED) == 4
            assert value(found, "inferences_running") == 1
            assert len([name for name, _ in found if name.endswith("process_open_fds")]) == 3
        before = value(found, "request_seconds_sum", route="/livez")
        second.kill()
        first.kill()
        for _ in range(2):
            found = third.scrape()
            assert value(found, "requests_total", **PROBED) == 4
            assert value(found, "request_seconds_sum", route="/livez") == pytest.approx(before)
            assert value(found, "inferences_running") == 0
            assert value(found, "processes_started_total") == 3
            pids = {dict(labels)["pid"] for name, labels in found if name.endswith("process_open_fds")}
            assert pids == {str(third.popen.pid)}
        left = sorted(path.name for path in (tmp_path / "counts").iterdir())
        assert left == sorted(
            ["lock", f"{third.popen.pid}.alive", f"gauge_livesum_{third.popen.pid}.db"]
            + [f"{kind}_{who}.db" for kind in ("counter", "histogram") for who in ("dead", third.popen.pid)]
        )


def test_services_with_folders_of_their_own_do_not_mix(tmp_path: Path) -> None:
    with processes(tmp_path / "a", 1) as (one,), processes(tmp_path / "b", 1) as (other,):
        one.ask("/livez")
        assert value(one.scrape(), "requests_total", **PROBED) == 2
        assert value(other.scrape(), "requests_total", **PROBED) == 1


FULL = ("prlimit", "--fsize=1000")
"""To a file that grows, this limit is what a full disk is."""


def test_a_process_that_finds_no_room_for_its_counts_serves_and_tells_of_itself(tmp_path: Path) -> None:
    folder = tmp_path / "counts"
    with processes(folder, 1) as (first,):
        late = Process(folder, *FULL)
        try:
            late.ask("/livez")
            assert value(late.scrape(), "requests_total", **PROBED) == 2
            assert value(late.scrape(), "processes_started_total") == 1
            assert value(first.scrape(), "requests_total", **PROBED) == 1
        finally:
            late.kill()
        assert value(first.scrape(), "requests_total", **PROBED) == 1


@pytest.mark.parametrize("folder", ["/dev/null", "/dev/null/counts", "/proc/counts"])
def test_without_a_folder_each_process_tells_of_itself(folder: str) -> None:
    with processes(Path(folder), 1) as (process,):
        assert value(process.scrape(), "requests_total", **PROBED) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_counted_in(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "counts").mkdir()
    os.chown(tmp_path / "counts", 12345, 12345)
    with processes(tmp_path / "counts", 1) as (process,):
        assert value(process.scrape(), "requests_total", **PROBED) == 1
    assert list((tmp_path / "counts").iterdir()) == []


def test_a_folder_that_goes_costs_the_others_counts_and_no_scrape(tmp_path: Path) -> None:
    with processes(tmp_path / "counts", 2) as (first, second):
        assert value(first.scrape(), "requests_total", **PROBED) == 2
        shutil.rmtree(tmp_path / "counts")
        first.ask("/livez")
        assert value(first.scrape(), "requests_total", **PROBED) == 2  # both its own
        assert value(second.scrape(), "requests_total", **PROBED) == 1


def test_what_a_dead_process_counted_waits_for_room_and_is_not_counted_twice(tmp_path: Path) -> None:
    folder = tmp_path / "counts"
    with processes(folder, 2) as (first, second):
        first.ask("files of 1000")
        second.ask("hang")
        second.kill()
        for _ in range(2):
            found = first.scrape()
            assert value(found, "requests_total", **PROBED) == 2
            assert value(found, "processes_started_total") == 2
            assert value(found, "inferences_running") == 0
            pids = {dict(labels)["pid"] for name, labels in found if name.endswith("process_open_fds")}
            assert pids == {str(first.popen.pid)}
        assert (folder / f"counter_{second.popen.pid}.db").exists()
        first.ask("files of 1000000000")
        assert value(first.scrape(), "requests_total", **PROBED) == 2
        assert value(first.scrape(), "requests_total", **PROBED) == 2
        assert not (folder / f"counter_{second.popen.pid}.db").exists()
