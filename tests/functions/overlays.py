"""An image, our answer for it, and what tries leave of its results."""

from __future__ import annotations

from datetime import timedelta

import pytest

import results
from cloud import Cloud
from messages import Image
from service import Answer

IMAGE = Image("photos", "a.png", "1")
FOLDER = "photos/a.png/1"
OURS = Answer({"segments": [{"id": 1}]}, b"our overlay")


def leave_overlay(cloud: Cloud, bucket: str, data: bytes) -> str | None:
    """As a try does that ends before it writes segments.json; returns its generation."""
    return cloud.write(bucket, f"{FOLDER}/overlay.png", data, "image/png")


def let_it_be_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_LONGEST_TRY", timedelta())
