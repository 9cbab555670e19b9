"""Trains with data from Cloud Storage and keeps the run folder there: what a Vertex AI custom job runs.

    python -m scripts.train_from_bucket --data gs://bucket/cells/train --steps 5000

Takes the options of `python -m model train` except --out. Each word that begins with gs:// is copied to this
machine and replaced by the copy. The run folder is copied to AIP_CHECKPOINT_DIR while the run goes on: a job
that is interrupted, or started again, continues there. With --name, the run becomes a model in AIP_MODEL_DIR.
Vertex AI sets both variables; both are gs:// folders.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from google.cloud.storage import Client

from scripts.bucket_folder import BucketFolder, Mirror, NotThere

CHECKPOINTS, MODEL = "AIP_CHECKPOINT_DIR", "AIP_MODEL_DIR"
SECONDS = 60.0
"""Time between copies of the run folder. A checkpoint is written every five minutes by default."""
LAST = ("history.csv", "checkpoint.npz")
"""Of a run folder, what relies on the other files: a run continues from its checkpoint and history."""
MANIFEST = "model.json"
WORK = Path(os.environ.get("TMPDIR", "/tmp"), "maskserve-job")


def main(words: Sequence[str] | None = None) -> int:
    """Train, package, and return the exit status of the command that failed, or 0."""
    parser = argparse.ArgumentParser(
        prog="train_from_bucket",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--name", help=f"make the run a model of this name, in {MODEL}")
    parser.add_argument("--licence", help="licence of the model")
    parser.add_argument("--description", help="purpose of the model, in one sentence")
    parser.add_argument(
        "--copy-seconds",
        type=float,
        default=SECONDS,
        help=f"seconds between copies of the run folder (default: {SECONDS:g})",
    )
    options, train_words = parser.parse_known_args(words)
    checkpoints, model = os.environ.get(CHECKPOINTS, ""), os.environ.get(MODEL, "")
    if not checkpoints:
        parser.error(f"{CHECKPOINTS} is not set: Vertex AI sets it if the job has a base output directory")
    if options.name and not model:
        parser.error(f"--name needs {MODEL}, which Vertex AI sets if the job has a base output directory")
    if any(word == "--out" or word.startswith("--out=") for word in train_words):
        parser.error(f"--out is not possible here: the run folder is {CHECKPOINTS}")
    # Otherwise the client also reads a bucket's metadata, which the right to read objects does not include.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    client = Client(project=None)
    shutil.rmtree(WORK, ignore_errors=True)  # of an earlier attempt in this container
    try:
        run_folder = WORK / "runs" / _name_of(checkpoints)
        mirror = Mirror(run_folder, BucketFolder(checkpoints, client), LAST, _is_kept)
        status = _train(
            [_local(word, client) for word in train_words], run_folder, mirror, options.copy_seconds
        )
        if status or not options.name:
            return status
        return _package(options, run_folder, BucketFolder(model, client))
    except NotThere as error:
        print(f"train_from_bucket: {error}", file=sys.stderr)
        return 1


def _name_of(checkpoints: str) -> str:
    """A name for the run: of gs://bucket/runs/cells/checkpoints/ it is "cells"."""
    return checkpoints.rstrip("/").removesuffix("/checkpoints").rpartition("/")[2]


def _local(word: str, client: Client) -> str:
    """A gs:// word as the path of a copy, which is the same each time; other words as they are."""
    option, equals, uri = word.partition("=") if word.startswith("--") else ("", "", word)
    if not uri.startswith("gs://"):
        return word
    place = WORK / "inputs" / uri.removeprefix("gs://").rstrip("/")
    folder = BucketFolder(uri, client)
    count = folder.download(place) or int(folder.download_object(place))
    if not count:
        raise NotThere(f"there is no object or folder {uri}, or this job may not read it")
    print(f"Copied {uri} ({count} files)", flush=True)
    return f"{option}{equals}{place}"


def _train(words: list[str], run_folder: Path, mirror: Mirror, seconds: float) -> int:
    """Run the command, copying its run folder as it goes; returns its exit status."""
    run_folder.parent.mkdir(parents=True, exist_ok=True)
    if mirror.restore():
        print(f"Continuing the run in {os.environ[CHECKPOINTS]}", flush=True)
    command = [sys.executable, "-m", "model", "train", *words, "--out", str(run_folder)]
    with _ended_with_this(subprocess.Popen(command)) as training:
        while True:
            try:
                status = training.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                if run_folder.exists():
                    _copy(mirror)
    if run_folder.exists():
        mirror.update()
    return 128 - status if status < 0 else status  # the shell's convention for signals


@contextmanager
def _ended_with_this(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
    """Pass signals on: before it ends a job, Vertex AI sends SIGTERM, and training saves a checkpoint."""

    def pass_on(number: int, _: object) -> None:
        process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield process
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if process.poll() is None:
            process.kill()
            process.wait()


def _copy(mirror: Mirror) -> None:
    """Copy what has changed; a failure is no reason to end a run, as the next copy makes up for it."""
    try:
        mirror.update()
    except Exception as error:
        print(
            f"The run folder could not be copied ({error}); trying again later.", file=sys.stderr, flush=True
        )


def _package(options: argparse.Namespace, run_folder: Path, into: BucketFolder) -> int:
    """Make the run a model and upload it, its manifest last: with that, it is complete."""
    models = WORK / "models"
    about = [f"--{name}={value}" for name in ("licence", "description") if (value := getattr(options, name))]
    command = [sys.executable, "-m", "model", "package", str(run_folder), options.name, "--replace", *about]
    status = subprocess.run(command, env={**os.environ, "MASKSERVE_MODEL_DIR": str(models)}).returncode
    if status:
        return status
    bundle = models / options.name
    files = [path for path in sorted(bundle.rglob("*")) if path.is_file() and path.name != MANIFEST]
    for path in [*files, bundle / MANIFEST]:
        into.upload(path, path.relative_to(bundle).as_posix())
    print(f"The model {options.name} is in {into.uri}", flush=True)
    return 0


def _is_kept(name: str) -> bool:
    return name != "run.lock" and not name.endswith(".part")


if __name__ == "__main__":
    sys.exit(main())
