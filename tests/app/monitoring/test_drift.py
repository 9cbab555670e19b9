"""Drift in the metrics: which recent pictures and answers are compared with those of the validation."""

from __future__ import annotations

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from stub_segmenter import BASELINE, StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from model.formats.encode import encode_png

URL = "/api/v1/segment"
BINS = {name: len(one["counts"]) for name, one in BASELINE["histograms"].items()}  # type: ignore[index]


def drift(client: FlaskClient) -> dict[tuple[str, str], float]:
    """By figure and feature, all of one model."""
    found = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name.startswith("maskserve_drift_"):
                assert (sample.labels["model"], sample.labels["version"]) == ("stub", "1")
                figure = sample.name.removeprefix("maskserve_drift_")
                found[figure, sample.labels["feature"]] = sample.value
    return found


@pytest.fixture
def app() -> Flask:
    return create_app({"stub": StubSegmenter()}, Settings(drift_window=10))


def picture(level: int) -> bytes:
    return encode_png(np.full((48, 64, 3), level, np.uint8))


def post(client: FlaskClient, level: int, query: str = "", times: int = 1) -> None:
    for _ in range(times):
        response = client.post(URL + query, data=picture(level), content_type="image/png")
        assert response.status_code == 200


def test_before_the_first_picture_there_are_no_distances(client: FlaskClient) -> None:
    assert drift(client) == {("pictures", feature): 0 for feature in BINS}


def test_pictures_as_in_validation_are_near_and_others_are_not(client: FlaskClient) -> None:
    post(client, 50, times=5)
    post(client, 150, times=5)
    found = drift(client)
    assert found["pictures", "brightness"] == 10
    assert found["psi", "brightness"] == pytest.approx(0, abs=1e-9)
    assert found["ks", "brightness"] == found["shift", "brightness"] == 0
    assert ("pictures", "familiarity") in found and ("psi", "familiarity") not in found  # it has no gate

    post(client, 50, times=10)  # the window is full: the others have left it
    found = drift(client)
    assert found["pictures", "brightness"] == 10
    assert found["ks", "brightness"] == 0.5 and found["shift", "brightness"] == -0.5
    assert found["psi", "brightness"] > 1
    assert found["psi_limit", "brightness"] > 1 and found["ks_limit", "brightness"] > 0.7  # of 10 pictures
    assert found["ks", "count"] == 0.5  # always two objects


@pytest.mark.parametrize(
    "query", ["?threshold=0.7", "?classes=cell", "?max_segments=1", "?threshold=0.7&output=csv"]
)
def test_an_answer_to_options_counts_for_its_picture_only(client: FlaskClient, query: str) -> None:
    post(client, 50, query)
    found = drift(client)
    assert (found["pictures", "brightness"], found["pictures", "count"]) == (1, 0)


def test_options_that_only_change_the_form_do_not_matter(client: FlaskClient) -> None:
    post(client, 50, "?output=overlay&image_format=webp")
    post(client, 50, "?mask_format=none")
    assert drift(client)["pictures", "count"] == 2


def test_refused_pictures_do_not_count(client: FlaskClient) -> None:
    assert client.post(URL, data=picture(50)[:80], content_type="image/png").status_code == 422
    assert drift(client)["pictures", "brightness"] == 0


@pytest.mark.parametrize("settings", [Settings(drift_window=0), Settings()])
def test_without_window_or_baseline_nothing_is_compared(settings: Settings) -> None:
    without = {"baseline": None} if settings.drift_window else {}
    client = create_app({"stub": StubSegmenter(**without)}, settings).test_client()
    post(client, 50)
    assert drift(client) == {}
