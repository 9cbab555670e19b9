"""What the operating system refuses is told in words, once, with the file that the user knows of."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from model.__main__ import main
from model.files.system_errors import in_words


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOENT, "No such file", "a.png"), "a.png: there is no such file or folder"),
        (OSError(errno.ENOSPC, "No space", "from.h5", None, "to.h5"), "to.h5: no space is left on the disk"),
        (
            OSError(errno.ENOENT, "No such file", "from.h5", None, "to.h5"),
            "from.h5: there is no such file or folder",
        ),
        (OSError(errno.EACCES, "Permission denied", b"a"), "a: no permission to read or write there"),
        (OSError(errno.ENOSPC, "No space"), "no space is left on the disk"),
        (
            OSError(errno.ENOTEMPTY, "Directory not empty", "a"),
            "a: directory not empty",
        ),  # as the system says
        (OSError(errno.EBADF, "Bad file descriptor", 3), "bad file descriptor"),  # a number is no name
        (OSError("it stands on its head"), "it stands on its head"),  # written for people
    ],
)
def test_an_error_becomes_a_sentence(error: OSError, told: str) -> None:
    assert in_words(error) == told


def test_the_file_that_the_user_knows_of_is_named() -> None:
    answer = Path("out/a.json")
    assert in_words(OSError(errno.ENOSPC, "No space", "/tmp/x.part"), answer).startswith(
        "out/a.json: no space"
    )
    assert in_words(OSError("no"), answer) == "out/a.json: no"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder called folder, a file called file."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").write_text("text")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("segment gone.png", "gone.png: there is no such file or folder"),
        ("segment file/a.png", "file/a.png: part of the path is a file, but a folder was expected"),
        ("segment file --out file/out", "part of the path is a file, but a folder was expected"),
        ("bench gone.png", "gone.png: there is no such file or folder"),
        ("bench folder", "folder: it is a folder, but a file was expected"),
        ("import file --name x --sample gone.png", "gone.png: there is no such file or folder"),
        ("train --data . --out run --recipe gone.json", "gone.json: there is no such file or folder"),
        ("train --data . --out run --recipe folder", "folder: it is a folder, but a file was expected"),
    ],
)
def test_no_command_answers_with_a_number_of_the_system(
    places: None, capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    assert main(words.split()) == 1
    message = capsys.readouterr().err
    assert told in message
    assert "Errno" not in message
    for name in ("gone.png", "gone.json"):
        assert message.count(name) == words.count(name)
