"""A service whose requests all fail is not ready, tests itself, and is ready again when that goes well."""

from __future__ import annotations

import io
import threading

import pytest
from asking import assert_inference_error, assert_problem, post
from flask import Flask
from flask.testing import FlaskClient
from server import wait_until
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from app.serving.health import FAILURES, SECONDS_BETWEEN_TESTS, SECONDS_TO_RECOVER, health_of
from model.storage.manifest import BundleError

READY = [
    "/readyz",
    "/health",
    "/v2/health/ready",
    "/v2/models/stub/ready",
    "/v2/models/stub/versions/1/ready",
    "/v1/models/stub",
    "/vertex/health",
]
ALIVE = ["/livez", "/v2/health/live"]
FAULT = RuntimeError("the graph does not run")


class Clock:
    """Seconds that pass when a test says so."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def app(segmenter: StubSegmenter) -> Flask:
    return create_app({"stub": segmenter}, Settings(queue=4, health_route="/vertex/health"))


@pytest.fixture
def clock(app: Flask) -> Clock:
    clock = Clock()
    health_of(app)._clock = clock
    return clock


@pytest.fixture
def broken(segmenter: StubSegmenter) -> StubSegmenter:
    """A model that fails on every picture, and at its self-test."""
    segmenter.failure = FAULT
    segmenter.self_test_failure = BundleError("model stub fails its self-test")
    return segmenter


def fail(client: FlaskClient, png: bytes, times: int = FAILURES) -> None:
    for _ in range(times):
        assert_problem(post(client, png), 500)


def statuses(client: FlaskClient, paths: list[str]) -> set[int]:
    return {client.get(path).status_code for path in paths}


def assert_refused(client: FlaskClient, path: str) -> str:
    """Why a probe is not answered, in the form of its protocol."""
    response = client.get(path)
    if path.startswith("/v2/"):
        return assert_inference_error(response, 503)
    problem = assert_problem(response, 503)
    assert problem["type"] == "urn:maskserve:not-ready"
    return str(problem["detail"])


def await_test(app: Flask) -> None:
    """Return when no self-test runs."""
    wait_until(lambda: health_of(app)._testing_since is None, 60)


def self_tests(client: FlaskClient, outcome: str) -> float:
    text = client.get("/metrics").text
    (line,) = [line for line in text.splitlines() if f'self_tests_total{{outcome="{outcome}"}}' in line]
    return float(line.split()[1])


def test_it_is_not_ready_while_all_fails_and_ready_again_after_a_self_test(
    app: Flask, client: FlaskClient, clock: Clock, broken: StubSegmenter, png: bytes
) -> None:
    fail(client, png, FAILURES - 1)
    assert statuses(client, READY + ALIVE) == {200} and broken.self_tests == 0
    fail(client, png, 1)
    assert broken.self_tests == 0  # only when somebody asks
    for path in READY:
        assert "running its self-tests" in assert_refused(client, path)
    await_test(app)
    assert statuses(client, READY) == {503} and statuses(client, ALIVE) == {200}
    assert broken.self_tests == 1  # not with every probe

    clock.seconds += SECONDS_BETWEEN_TESTS
    assert statuses(client, READY) == {503}
    await_test(app)
    assert (broken.self_tests, self_tests(client, "failed"), self_tests(client, "passed")) == (2, 2, 0)

    broken.failure = broken.self_test_failure = None
    clock.seconds += SECONDS_BETWEEN_TESTS
    client.get("/readyz")
    await_test(app)
    assert statuses(client, READY + ALIVE) == {200}
    assert (broken.self_tests, self_tests(client, "failed"), self_tests(client, "passed")) == (3, 2, 1)
    assert post(client, png).status_code == 200


def test_a_request_that_goes_well_makes_it_ready(
    client: FlaskClient, broken: StubSegmenter, png: bytes
) -> None:
    fail(client, png)
    assert statuses(client, READY) == {503}
    broken.failure = None
    assert post(client, png).status_code == 200
    assert statuses(client, READY) == {200}


def test_failures_that_others_interrupt_make_it_no_less_ready(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    for _ in range(3):
        segmenter.failure = FAULT
        fail(client, png, FAILURES - 1)
        segmenter.failure = None
        assert post(client, png).status_code == 200
    assert statuses(client, READY) == {200}


def test_what_goes_wrong_again_after_a_self_test_counts_at_once(
    app: Flask, client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    segmenter.failure = FAULT  # of pictures, but not of that of the self-test
    fail(client, png)
    assert statuses(client, ["/readyz"]) == {503}
    await_test(app)
    assert statuses(client, READY) == {200}
    fail(client, png, 1)
    assert statuses(client, READY) == {503}


def test_callers_errors_and_refusals_make_it_no_less_ready(
    client: FlaskClient, png: bytes, jpeg: bytes
) -> None:
    for _ in range(FAILURES):
        assert post(client, jpeg[:2000]).status_code == 422
        assert post(client, png, "?threshold=2").status_code == 400
        assert post(client, b"text").status_code == 415
        assert client.get("/nowhere").status_code == 404
    assert statuses(client, READY) == {200}


@pytest.mark.parametrize("failure", [FAULT, MemoryError()], ids=["fault", "memory"])
@pytest.mark.parametrize("batch", [False, True])
def test_it_is_noticed_however_pictures_come_and_whatever_is_wrong(
    client: FlaskClient, segmenter: StubSegmenter, png: bytes, failure: Exception, batch: bool
) -> None:
    segmenter.failure = failure
    for _ in range(FAILURES):
        if batch:
            answer = client.post("/api/v1/batch", data={"image": [(io.BytesIO(png), "a")] * 2})
            assert all("error" in result for result in answer.get_json()["results"])
        else:
            assert post(client, png).status_code >= 500
    assert statuses(client, ["/readyz"]) == {503}


def test_a_self_test_waits_for_its_turn(
    app: Flask, client: FlaskClient, segmenter: StubSegmenter, png: bytes
) -> None:
    segmenter.failure = FAULT
    fail(client, png)
    segmenter.failure = None
    segmenter.may_finish.clear()
    before = len(segmenter.calls)
    running = threading.Thread(target=post, args=(app.test_client(), png))
    running.start()
    wait_until(lambda: len(segmenter.calls) > before, 60)
    assert statuses(client, READY) == {503} and segmenter.self_tests == 0
    segmenter.may_finish.set()
    running.join()
    await_test(app)
    assert segmenter.self_tests == 1 and statuses(client, READY) == {200}


def test_after_minutes_of_failed_self_tests_it_is_no_longer_alive(
    app: Flask, client: FlaskClient, clock: Clock, broken: StubSegmenter, png: bytes
) -> None:
    fail(client, png)
    clock.seconds += 2 * SECONDS_TO_RECOVER
    assert statuses(client, ALIVE) == {200}  # it has not been tested yet
    await_test(app)
    clock.seconds += SECONDS_TO_RECOVER - 1
    assert statuses(client, ALIVE) == {200}
    await_test(app)
    clock.seconds += 1
    for path in ALIVE:
        assert "restart it" in assert_refused(client, path)
    await_test(app)
    broken.self_test_failure = None
    clock.seconds += SECONDS_BETWEEN_TESTS
    client.get("/livez")
    await_test(app)
    assert statuses(client, READY + ALIVE) == {200}


def test_a_self_test_that_hangs_ends_its_life_too(
    app: Flask,
    client: FlaskClient,
    clock: Clock,
    broken: StubSegmenter,
    png: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_end = threading.Event()
    monkeypatch.setattr(broken, "self_test", lambda: may_end.wait(20))
    fail(client, png)
    assert statuses(client, READY) == {503}
    clock.seconds += SECONDS_TO_RECOVER
    assert statuses(client, ALIVE) == {503}
    may_end.set()
    await_test(app)
    assert statuses(client, ALIVE) == {200}
