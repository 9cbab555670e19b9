"""Bulk runs that meet what nobody planned: odd names, wrong addresses, their own files, damage, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from bulk_runs import PYTHON, ROOT, Bulk, all_rows, cells, command, rows

ODD = ["br[1].png", "br1.png", "star*.png", "two words.png", "ünï-⛄.png", "a.png", "a.png.png", "epoch.png"]
LONG = "n" * 251 + ".png"
ADDRESSES = {
    "http://example.com/a.png": "the file cannot be found: Unable to get filesystem",
    "gs://bucket": "expected gs://bucket/object",
    "/nowhere/gone.png": "there is no such file",
}


@dataclass
class Odd:
    """A run over odd pictures whose results lie among them.

    Attributes:
        pictures: the folder of pictures.
        listed: the folder of those that a list names.
        words: of the run.
        ended: how it ended.
    """

    pictures: Path
    listed: Path
    words: list[str]
    ended: subprocess.CompletedProcess[str]

    @property
    def out(self) -> Path:
        return self.pictures / "out"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, bulk: Bulk) -> Odd:
    pictures, listed = tmp_path_factory.mktemp("pictures"), tmp_path_factory.mktemp("listed")
    for number, name in enumerate(ODD):
        (pictures / name).write_bytes(cells(100 + number, 90, seed=number))
    (pictures / LONG).write_bytes(cells(90, 90, seed=1))
    os.utime(pictures / "epoch.png", (0, 0))
    Path(os.fsdecode(os.fsencode(pictures) + b"/latin\xe9.png")).write_bytes(cells(90, 90, seed=2))
    for number, name in enumerate(("br[1].png", "br1.png")):
        (listed / name).write_bytes(cells(200 + number, 90, seed=number))
    addresses = [str(listed / "br[1].png"), *ADDRESSES]
    (listed / "list.txt").write_text("\r\n".join(addresses), encoding="utf-8-sig")
    words = [f"--input={pictures}/**.png", f"--input_list={listed}/list.txt", f"--output={pictures}/out"]
    words += ["--overlays", "--coco"]
    return Odd(pictures, listed, words, bulk(*words))


def test_pictures_with_odd_names_are_segmented_and_drawn(odd: Odd) -> None:
    assert odd.ended.returncode == 0, odd.ended.stderr
    found = {row["uri"]: row["size"]["width"] for row in all_rows(odd.out / "results")}
    expected = {str(odd.pictures / name): 100 + number for number, name in enumerate(ODD)}
    assert found == {**expected, str(odd.listed / "br[1].png"): 200}
    for uri in found:
        assert (odd.out / "overlays" / f"{uri.lstrip('/')}.png").is_file()


def test_addresses_and_names_that_do_not_work_have_a_row_with_the_reason(odd: Odd) -> None:
    found = {row["uri"]: row["error"] for row in all_rows(odd.out / "errors")}
    reasons = {
        **ADDRESSES,
        f"{odd.pictures}/latin\\xe9.png": "the file's name is not UTF-8: rename it",
        str(odd.pictures / LONG): "has more than 255 bytes: rename the picture, or leave out overlays",
    }
    assert set(found) == set(reasons)
    for uri, reason in reasons.items():
        assert reason in found[uri]["message"]
        assert found[uri]["code"] == ("bad-parameter" if uri.endswith(LONG) else "fetch-failed")


def test_another_run_takes_no_file_of_its_own_for_a_picture_and_removes_what_was_unfinished(
    odd: Odd, bulk: Bulk
) -> None:
    done = sorted(odd.out.glob("coco/*.json"))
    unfinished = odd.out / "coco" / "0123456789abcdef.json"
    unfinished.write_text('{"images": [')

    ended = bulk(*odd.words)

    assert "0 pictures segmented, 0 segments, 0 errors" in ended.stderr
    assert sorted(odd.out.glob("coco/*.json")) == done


def in_environment(script: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PYTHON, "-c", script, *words], cwd=ROOT, capture_output=True, text=True)


def test_a_shard_that_is_segmented_again_leaves_no_row_of_the_first_time(tmp_path: Path) -> None:
    script = """
import sys
from model import catalog
from pipelines.handler import SegmentedShard
from pipelines.outputs import Outputs
from pipelines.pictures import Picture
from pipelines.question import Question
from pipelines.rows import error_row
from pipelines.writing import write_shard

outputs = Outputs(sys.argv[1])
outputs.prepare(Question("nuclei"))
failed = error_row(Picture("a.png", 1, 1), catalog.find("nuclei").manifest, "fetch-failed", "at first")
segmented = failed | {"error": None, "segments": [], "size": {"width": 1, "height": 1}}
for row in (failed, segmented):
    write_shard(SegmentedShard("0123456789abcdef", [row]), outputs, None)
"""
    ended = in_environment(script, tmp_path / "out")

    assert ended.returncode == 0, ended.stderr
    assert set(rows(tmp_path / "out" / "results")) == {"a.png"}
    assert list((tmp_path / "out" / "errors").iterdir()) == []


def test_a_folder_with_brackets_can_have_pictures_but_no_results(tmp_path: Path) -> None:
    script = """
import os, sys
from pipelines.options import BulkOptions
from pipelines.outputs import Outputs

os.chdir(sys.argv[1])
options = BulkOptions(["--input=*.png,sub/*.png", "--output=out"])
print(len(options.listed(Outputs("/elsewhere"))))
options.check()
"""
    (tmp_path / "run[1]" / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.png"):
        (tmp_path / "run[1]" / name).touch()

    ended = in_environment(script, tmp_path / "run[1]")

    assert ended.stdout == "2\n", ended.stderr
    said = f"{tmp_path}/run[1]/out cannot be the output: expected a folder without *, ? and [ in its name\n"
    assert ended.stderr.endswith(said)


def test_folders_that_a_console_has_made_in_a_bucket_are_no_pictures() -> None:
    script = """
from types import SimpleNamespace as New
from pipelines import pictures

bucket = New(name="plates")
names = ("one/", "one/a.png", "one/deep/", "one/deep/b.png")
blobs = [New(bucket=bucket, name=name, generation=1, size=1) for name in names]
pictures._client = lambda: New(list_blobs=lambda *_, **__: blobs)
for pattern in ("one/*", "**"):
    print(*(found.uri for found in pictures.pictures_matching(f"gs://plates/{pattern}")))
"""
    ended = in_environment(script)

    assert ended.stdout.splitlines() == [
        "gs://plates/one/a.png",
        "gs://plates/one/a.png gs://plates/one/deep/b.png",
    ], ended.stderr


def test_names_that_are_no_names_on_disks_are_not_drawn_and_those_in_buckets_are(tmp_path: Path) -> None:
    script = """
import sys
from pipelines.outputs import Outputs, UnusableName

for root in (sys.argv[1], "gs://bucket/out"):
    for name in ("a/../../b.png", "a//b.png", "./b.png", "a..b/.c.png", "..."):
        try:
            print(Outputs(root).check_name("overlays", f"gs://plates/{name}"))
        except UnusableName as error:
            print(error)
"""
    said = in_environment(script, tmp_path / "out").stdout.splitlines()

    expected = [f"disks have no folder '{name}' as in gs://plates/" for name in ("..", "", ".")]
    assert [line.partition("plates/")[0] + "plates/" for line in said[:3]] == expected
    assert said[3:] == ["None"] * 7


def spoil_question(out: Path) -> None:
    (out / "question.json").write_text("")


def spoil_table(out: Path) -> None:
    (out / "results").mkdir()
    (out / "results" / "0123456789abcdef.parquet").write_bytes(b"PAR1")


def spoil_overlays(out: Path) -> None:
    (out / "overlays").touch()


@pytest.mark.parametrize(
    ("spoil", "status", "said"),
    [
        (spoil_question, 2, "question.json is no question of a run: name another output"),
        (spoil_table, 2, "0123456789abcdef.parquet is no table of a run: delete it"),
        (spoil_overlays, 1, "the run has failed: "),
    ],
)
def test_a_run_that_cannot_go_on_says_why_in_a_sentence(
    tmp_path: Path, bulk: Bulk, spoil: Callable[[Path], None], status: int, said: str
) -> None:
    (tmp_path / "a.png").write_bytes(cells(100, 90, seed=1))
    (tmp_path / "out").mkdir()
    spoil(tmp_path / "out")

    ended = bulk(f"--input={tmp_path}/*.png", f"--output={tmp_path}/out", "--overlays")

    assert ended.returncode == status
    assert said in ended.stderr.splitlines()[-1]


def run_of_two(pictures: Path) -> tuple[list[str], subprocess.Popen[str]]:
    """The command of a run over twelve pictures in two processes, and that run, of which rows are there."""
    for number in range(12):
        (pictures / f"{number}.png").write_bytes(cells(100, 90, seed=number))
    words = command(f"--input={pictures}/*.png", f"--output={pictures}/out", "--shard_size=1")
    words.append("--direct_num_workers=2")
    run = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while run.poll() is None and not list(pictures.glob("out/results/*.parquet")):
        time.sleep(0.01)
    return words, run


def test_ctrl_c_ends_all_processes_with_a_sentence(tmp_path: Path) -> None:
    _, run = run_of_two(tmp_path)
    with run:
        run.send_signal(signal.SIGINT)
        _, said = run.communicate()  # ends once no process has standard error any more

    assert run.returncode == 130, said
    assert said.endswith("interrupted. Run the same command again to go on.\n")


def worker_of(process: int) -> int:
    """One of the worker processes that a run has started, by a shell."""
    below = [process]
    for parent in below:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            below += map(int, children.read_text().split())
    commands = {one: Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0") for one in below}
    return next(one for one, words in commands.items() if words[0].endswith(b"python") and one != process)


def test_a_run_ends_with_a_worker_that_is_killed_and_the_next_one_does_what_is_left(tmp_path: Path) -> None:
    words, run = run_of_two(tmp_path)
    with run:
        os.kill(worker_of(run.pid), signal.SIGKILL)
        _, said = run.communicate()

    assert run.returncode == 1, said
    assert "a worker process has ended: " in said.splitlines()[-1]
    written = len(rows(tmp_path / "out" / "results"))
    assert 0 < written < 12
    again = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert f"{12 - written} pictures segmented" in again.stderr
    assert len(rows(tmp_path / "out" / "results")) == 12
