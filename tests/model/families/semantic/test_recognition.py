"""What is no model is told from what is one, by its content, with what to do about it."""

from __future__ import annotations

import gzip
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from model.families.graphs.recognition import kind_of
from model.families.graphs.source import GraphError


def zipped(*names: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "{}")

    return make


def holding(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("net.onnx", holding(b""), "is empty"),
        ("net.onnx", holding(LFS), "git lfs pull"),
        ("net.onnx", holding(b"\n<!DOCTYPE html><html>Sign in</html>"), "is a web page"),
        ("net.h5", holding(b"just words"), "is a text file"),
        ("net.tflite", holding("wörter ".encode() * 200), "is a text file"),  # a letter cut at the end
        ("net.tflite", holding(b"\x00\x01\x02\x03 no flatbuffer"), "damaged or cut off"),
        ("net.onnx.gz", holding(gzip.compress(b"net")), "is compressed"),
        ("net.keras", zipped("a.txt"), "without a model"),
        ("net.keras", holding(b"PK\x03\x04 cut short"), "damaged or cut off"),
        ("net.zip", zipped("net/rdf.yaml"), "unpack it"),
        ("net.zip", zipped("net/saved_model.pb"), "unpack it"),
        ("saved_model.pb", holding(b"\x08\x01"), "give the folder"),
        ("folder", lambda path: path.mkdir(), "without saved_model.pb or rdf.yaml"),
    ],
)
def test_what_is_no_model_is_refused_with_what_it_is(
    tmp_path: Path, name: str, make: Callable[[Path], None], says: str
) -> None:
    make(tmp_path / name)

    with pytest.raises(GraphError, match=f"{name}.*{says}"):
        kind_of(tmp_path / name)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        kind_of(tmp_path / "net.onnx")


class Bomb:
    """Whoever unpickles it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("net.pt", "pickle"),
        ("net.onnx", "pickle"),  # by its content, whatever it is called
        ("net.pth", "zip"),  # torch.save of today
        ("net.keras", "zip"),
        ("net.pth", "torch of 2019"),
        ("net.pt", "damaged"),
    ],
)
def test_a_pickle_is_never_opened_and_answered_with_the_lines_that_export_it(
    tmp_path: Path, name: str, kind: str
) -> None:
    bomb = pickle.dumps(Bomb(tmp_path / "ran"), protocol=2)
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("archive/data.pkl", bomb)
    else:
        content = {
            "pickle": bomb,
            "damaged": b"\x00\x01\x02",
            "torch of 2019": pickle.dumps(0x1950A86A20F9469CFC6C, 2),
        }
        (tmp_path / name).write_bytes(content[kind])

    with pytest.raises(GraphError, match=r"(?s)is a pickle.*torch\.onnx\.export\("):
        kind_of(tmp_path / name)

    assert not (tmp_path / "ran").exists()
