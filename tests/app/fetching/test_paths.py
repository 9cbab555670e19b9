"""Paths lead to files below the root and to nothing else, whatever links are put in their way."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.configuration.settings import Settings
from app.errors import BadParameter, Forbidden, NotFound, ServiceError, TooLarge
from app.fetching import paths
from app.fetching.paths import read_path

IMAGE = b"\x89PNG" + bytes(1000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a picture, one deeper, links that stay, and links that leave to what is beside it."""
    root = tmp_path / "pictures"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a.png").write_bytes(IMAGE)
    (root / "deep" / "er" / "b.png").write_bytes(IMAGE)
    (root / "empty.png").touch()
    (root / "..c.png").write_bytes(IMAGE)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.png").write_bytes(b"secret")
    (tmp_path / "pictures-2").mkdir()
    (tmp_path / "pictures-2" / "secret.png").write_bytes(b"secret")
    (root / "link.png").symlink_to("deep/er/b.png")
    (root / "folder-link").symlink_to(root / "deep")
    (root / "deep" / "up.png").symlink_to("../a.png")
    (root / "leaves.png").symlink_to(tmp_path / "outside" / "secret.png")
    (root / "leaves").symlink_to(tmp_path / "outside")
    (root / "leaves-to-nothing.png").symlink_to(tmp_path / "outside" / "nothing.png")
    (root / "broken.png").symlink_to("nothing.png")
    (root / "loop.png").symlink_to("loop.png")
    return root


@pytest.fixture
def settings(root: Path) -> Settings:
    return Settings(path_root=str(root), max_bytes=len(IMAGE))


@pytest.mark.parametrize(
    "path",
    [
        "a.png",
        "./a.png",
        "deep/er/b.png",
        "deep//er/b.png",
        "link.png",
        "folder-link/er/b.png",
        "deep/up.png",
        "..c.png",
    ],
)
def test_a_file_below_the_root_is_read(root: Path, settings: Settings, path: str) -> None:
    assert read_path(path, settings) == IMAGE
    assert read_path(f"{root}/{path}", settings) == IMAGE


def test_a_root_may_be_a_link_itself(root: Path, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "root-link").symlink_to(root)
    settings = replace(settings, path_root=str(tmp_path / "root-link"))

    assert read_path("a.png", settings) == IMAGE
    assert read_path(str(tmp_path / "root-link" / "a.png"), settings) == IMAGE
    assert read_path(str(root / "a.png"), settings) == IMAGE


def test_without_a_root_nothing_is_found(root: Path) -> None:
    with pytest.raises(NotFound):
        read_path(str(root / "a.png"), Settings())


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("../outside/secret.png", Forbidden),
        ("deep/../../outside/secret.png", Forbidden),
        ("deep/../a.png", Forbidden),  # it stays, but what two dots answer can tell of folders outside
        ("../no-such-folder/../pictures/a.png", Forbidden),
        ("..", Forbidden),
        ("/etc/hostname", Forbidden),
        ("/no/such/file", Forbidden),  # as if it were there
        ("{root}-2/secret.png", Forbidden),
        ("/proc/self/environ", Forbidden),
        ("leaves.png", Forbidden),
        ("leaves/secret.png", Forbidden),
        ("leaves/nothing.png", Forbidden),
        ("leaves-to-nothing.png", Forbidden),
        ("deep", Forbidden),
        (".", Forbidden),
        ("", Forbidden),
        ("{root}", Forbidden),
        ("loop.png", Forbidden),
        ("broken.png", NotFound),
        ("nothing.png", NotFound),
        ("no-such-folder/a.png", NotFound),
        ("a.png/b.png", NotFound),
        ("a\0.png", BadParameter),
        ("\ud800.png", BadParameter),
        ("a" * 255, NotFound),
        ("a" * 256, BadParameter),
        ("ä" * 128, BadParameter),  # 256 bytes
        ("deep/" + "a" * 256 + "/b.png", BadParameter),
        ("a/" * 2047 + "b", NotFound),  # 4,095 bytes
        ("a/" * 2048, BadParameter),
        ("./" * 2048 + "a.png", BadParameter),
        ("/" * 4096, BadParameter),
        ("a/" * 5_000_000, BadParameter),
    ],
)
def test_anything_else_is_refused(
    root: Path, settings: Settings, path: str, error: type[ServiceError]
) -> None:
    with pytest.raises(error) as refused:
        read_path(path.replace("{root}", str(root)), settings)

    assert str(root.parent) not in refused.value.detail


def test_a_path_with_megabytes_of_names_is_not_resolved(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resolving would take time that grows with the square of their number."""
    monkeypatch.setattr(os.path, "realpath", lambda path: pytest.fail("it is resolved"))
    for path in ("a/" * 1_000_000, "./" * 1_000_000, "../" * 1_000_000, "ä" * 3_000):
        with pytest.raises(BadParameter, match="too long"):
            read_path(path, settings)


@pytest.mark.timeout(20)
def test_a_named_pipe_is_refused_without_waiting_for_a_writer(root: Path, settings: Settings) -> None:
    os.mkfifo(root / "pipe.png")

    with pytest.raises(Forbidden):
        read_path("pipe.png", settings)


def test_a_socket_is_refused(root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")

        with pytest.raises(Forbidden):
            read_path("socket.png", settings)


def test_a_device_is_refused() -> None:
    with pytest.raises(Forbidden, match="not that of a regular file"):
        read_path("null", Settings(path_root="/dev"))


def test_a_file_may_have_max_bytes_and_no_more(root: Path, settings: Settings) -> None:
    (root / "large.png").write_bytes(bytes(len(IMAGE) + 1))

    assert len(read_path("a.png", settings)) == settings.max_bytes
    with pytest.raises(TooLarge):
        read_path("large.png", settings)


def test_a_file_that_says_it_is_empty_is_read_to_the_limit_only() -> None:
    """As those of /proc do; a file that grows while it is read is no different."""
    settings = Settings(path_root="/proc/self", max_bytes=10)

    with pytest.raises(TooLarge):
        read_path("status", settings)


def test_links_put_in_the_way_between_check_and_use_lead_nowhere(
    root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = paths._open_below

    def swap_then_open(real_root: str, below: str) -> int:
        (root / "deep").rename(root / "was-deep")
        (root / "deep").symlink_to(root.parent / "outside")
        return opened(real_root, below)

    (root / "deep" / "secret.png").write_bytes(IMAGE)
    monkeypatch.setattr(paths, "_open_below", swap_then_open)

    with pytest.raises((Forbidden, NotFound)):
        read_path("deep/secret.png", settings)


def test_a_file_that_keeps_becoming_a_link_is_never_followed_out(root: Path, settings: Settings) -> None:
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (root / "file").write_bytes(IMAGE)
            os.replace(root / "file", root / "swapped.png")
            (root / "link").symlink_to(root.parent / "outside" / "secret.png")
            os.replace(root / "link", root / "swapped.png")

    swapper = threading.Thread(target=swap)
    swapper.start()
    found = set()
    try:
        for _ in range(2000):
            try:
                found.add(read_path("swapped.png", settings))
            except (Forbidden, NotFound):
                found.add(b"refused")
    finally:
        stop.set()
        swapper.join()

    assert found <= {IMAGE, b"refused"}
