"""Emulators of Cloud Storage and Pub/Sub, the function as it is deployed, a stub of the service."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import FRAMEWORK, Chain
from free_ports import free_port
from overlays import IMAGE
from stub_service import StubService

from cloud import Cloud
from results import Results
from scripts.local_cloud import LocalCloud, NotInstalled, local_cloud

NOTIFICATIONS = "notifications"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    if not FRAMEWORK.exists():
        pytest.skip("the function's environment is missing: make test sets it up")
    try:
        with local_cloud(free_port(), free_port(), NOTIFICATIONS, tmp_path_factory.mktemp("cloud")) as cloud:
            yield cloud
    except NotInstalled as missing:
        pytest.skip(str(missing))


@pytest.fixture
def ours(cloud: LocalCloud) -> Cloud:
    return Cloud(cloud.environment)


@pytest.fixture
def bucket(cloud: LocalCloud) -> str:
    name = f"bucket-{time.monotonic_ns()}"
    cloud.create_bucket(name)
    return name


@pytest.fixture
def results(ours: Cloud, bucket: str) -> Results:
    return Results(ours, bucket, IMAGE)


@pytest.fixture
def service() -> Iterator[StubService]:
    service = StubService()
    yield service
    service.may_answer.set()
    service.stop()


@pytest.fixture
def chain(cloud: LocalCloud, service: StubService, tmp_path: Path) -> Iterator[Chain]:
    """All of it; tests start the function, with the settings that they need."""
    chain = Chain(
        cloud, service, f"test-{next(_numbers)}", f"projects/local/topics/{NOTIFICATIONS}", tmp_path
    )
    yield chain
    chain.close()
