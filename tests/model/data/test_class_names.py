"""Class names come out of a file whatever editor wrote it, or the message says what to do with the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.data.class_names import read_class_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "classes.txt"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cell\nfibre\n", ["cell", "fibre"]),
        ("BG\ncell\n", ["cell"]),  # Matterport's name of the background
        ("background\ncell", ["cell"]),
        ("__background__\ncell", ["cell"]),  # torchvision's
        ("\n  cell \n\ntraffic light\n", ["cell", "traffic light"]),  # blank lines, spaces
        ("cell\r\nfibre\r\n", ["cell", "fibre"]),  # saved on Windows
        ("cell\rfibre\r", ["cell", "fibre"]),  # or on a Mac of long ago
        ("", []),
    ],
)
def test_class_names_are_read_a_line_each_with_the_background_first(
    path: Path, text: str, names: list[str]
) -> None:
    path.write_bytes(text.encode())

    assert read_class_file(path).classes == ["background", *names]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("cell\nfibre\n", None),
        ("BG\ncell\nfibre\n", 0),
        ("cell\nBackground\nfibre\n", 1),
        ("cell\nfibre\nBG\n", 2),
    ],
)
def test_a_background_anywhere_is_found(path: Path, text: str, place: int | None) -> None:
    path.write_text(text)

    named = read_class_file(path)

    assert (named.names, named.background) == (["cell", "fibre"], place)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_are_read_in_every_encoding_that_editors_write(path: Path, encoding: str, end: str) -> None:
    path.write_bytes(end.join(["BG", "Größe", "café", ""]).encode(encoding))

    named = read_class_file(path)

    assert named.names == ["Größe", "café"]
    guessed = encoding in ("latin-1", "cp1252", "utf-16-le", "utf-16-be")  # these have no mark
    assert bool(named.sentence) == guessed
    if guessed:
        assert named.sentence.startswith("classes.txt is not in UTF-8 and was read as ")
        assert "Größe, café: if they look wrong, save it in UTF-8" in named.sentence


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cell\nfibre\ncell\n", "classes.txt names cell twice"),
        ("BG\ncell\nbackground\n", "classes.txt names background twice"),
    ],
)
def test_a_name_given_twice_is_refused(path: Path, text: str, says: str) -> None:
    path.write_text(text)

    with pytest.raises(ValueError, match=says):
        read_class_file(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "is not a text file"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\xd8\0\0", "is not a text file"),
        (b"\xff\xfec\0e\0l", "is damaged, or not in UTF-16: save it in UTF-8"),
        (b"cell\x81\x8d\n", "is in an unknown encoding: save it in UTF-8"),
        (b"cell\x01\n", "is not a text file"),
        (b'["cell", "fibre"]', "is a list in JSON or Python, .* write the names alone, one a line"),
        (b"class_names = ['BG', 'cell',\n  'fibre']\n", "is a list in JSON or Python"),
        (b'{"1": "cell"}', "is a list in JSON or Python"),
    ],
)
def test_what_is_no_list_of_names_is_refused_by_the_file_s_name(
    path: Path, content: bytes, says: str
) -> None:
    path.write_bytes(content)

    with pytest.raises(ValueError, match=f"^classes.txt (?:{says})"):
        read_class_file(path)


def test_a_folder_and_a_file_that_is_not_there_are_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r" is a folder: give a text file"):
        read_class_file(path.parent)
    with pytest.raises(ValueError, match=r"classes.txt: there is no such file"):
        read_class_file(path)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("classes_utf16.txt", ["person", "car", "dog"]),
        ("classes_latin1.txt", ["Größe", "car", "dog"]),
        ("classes_bg_last.txt", ["person", "car"]),
    ],
)
def test_files_that_users_sent_are_read(shared: Path, name: str, names: list[str]) -> None:
    assert read_class_file(shared / "cases" / "weights" / name).names == names
