"""What test_server.py has uWSGI serve: the real app around a model that takes STUB_SECONDS an inference."""

from __future__ import annotations

import os

from flask import Flask
from stub_segmenter import StubSegmenter

from app import create_app


def create_stub_app() -> Flask:
    return create_app({"stub": StubSegmenter(seconds=float(os.environ["STUB_SECONDS"]))})
