"""Starts training on Vertex AI, as a custom job: see docs/train-on-vertex.md.

python -m scripts.vertex_train PROJECT --image IMAGE --data gs://… --out gs://… [-- OPTIONS]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COMMAND = ("python", "-m", "scripts.train_from_bucket")
ROOT = Path(__file__).resolve().parents[1]
CODE = "model"
"""The folder of the repository that the image has, at the place from which it trains."""
FILES = ("config", "weights")
"""Options of train that name files."""
LENGTHS = ("steps", "epochs")
MACHINE = "n2-standard-16"
GIGABYTES = 100
HOURS = 24.0
FOLDER = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?")
PINNED = re.compile(r".+(@sha256:[0-9a-f]{64}|:[\w.-]+)")


def main(words: Sequence[str] | None = None) -> int:
    """Check the options, and start the job or say what would be sent."""
    parser = _parser()
    own, train_words = _divided(sys.argv[1:] if words is None else words)
    options = parser.parse_args(own)
    for name in ("data", "validation", "out"):
        value = getattr(options, name)
        if value and not FOLDER.fullmatch(value):
            parser.error(f"--{name} {value} must be a folder in Cloud Storage, such as gs://bucket/cells")
    if not PINNED.fullmatch(options.image) or options.image.endswith(":latest"):
        parser.error(
            f"--image {options.image} must have a tag other than latest, or a digest, so that a job that is "
            "interrupted continues with the same code"
        )
    if not options.hours > 0:
        parser.error(f"--hours {options.hours:g} must be above 0")
    if problem := unworkable(train_words, parser):
        parser.error(f"after --: {problem}")
    job = specification(options, train_words)
    name = (
        options.display_name
        or f"maskserve-train-{options.name or options.out.rstrip('/').rpartition('/')[2]}"
    )
    create = [
        *("gcloud", "ai", "custom-jobs", "create"),
        *(f"--project={options.project}", f"--region={options.region}", f"--display-name={name}"),
    ]
    text = json.dumps(job, indent=2)
    if options.dry_run:
        print(f"would run: {shlex.join([*create, '--config=FILE'])}\nwith this FILE:\n{text}")
        print("Dry run: nothing was sent.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "job.yaml")  # JSON is YAML
        file.write_text(text)
        try:
            status = subprocess.run([*create, f"--config={file}"]).returncode
        except FileNotFoundError:
            parser.error("gcloud is not installed. See https://cloud.google.com/sdk/docs/install")
    if status:
        print("vertex_train: the job was not created; see above", file=sys.stderr)
        return 1
    print(f"The run will be in {options.out}/checkpoints; the same command continues it.")
    if options.name:
        print(f"The model will be in {options.out}/model.")
    return 0


def unworkable(words: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """Why a job with these words after -- could not train; empty if nothing speaks against it."""
    own = {name for action in parser._actions for name in action.option_strings}
    for word in words:
        if (name := word.partition("=")[0]) in own:
            return f"{name} is an option of this script: give it before --, if at all"
    parsed, problem = _as_train_reads(words)
    if parsed is None:
        return problem
    for name in FILES:
        value = str(getattr(parsed, name) or "")
        if value.startswith("gs:/"):
            if not any(word.removeprefix(f"--{name}=").startswith("gs://") for word in words):
                return f"--{name} {value} must begin with gs://"
        elif value and (name == "config" or _seems_a_path(value)) and not _is_in_the_image(value):
            return (
                f"--{name} {value}: the job has no such file, only those in the folder {CODE} of the "
                "repository, named from the root as in model/recipes/nuclei.json: copy yours to Cloud "
                "Storage, and give its gs:// path"
            )
    return _without_length(parsed)


def _as_train_reads(words: Sequence[str]) -> tuple[argparse.Namespace | None, str]:
    """The words as `python -m model train` reads them, or None and what it finds wrong.

    Without the project's packages nothing can be read: then only --steps, --epochs and files are looked at.
    """
    try:
        from model.commands import train
    except ImportError:
        parser = argparse.ArgumentParser(exit_on_error=False, add_help=False)
        for name in (*FILES, *LENGTHS):
            parser.add_argument(f"--{name}")
        parser.add_argument("--recipe", dest="config")
        parser.add_argument("--set", action="append", default=[])
        try:
            return parser.parse_known_args([*words])[0], ""
        except (argparse.ArgumentError, SystemExit) as error:
            return None, str(error)
    parser = argparse.ArgumentParser(prog="python -m model train", usage=argparse.SUPPRESS)
    train.add_arguments(parser)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return parser.parse_args(["--data=DATA", "--out=RUN", *words]), ""
    except SystemExit:
        return None, said.getvalue().strip().removeprefix("python -m model train: error: ")


def _without_length(parsed: argparse.Namespace) -> str:
    """What to do if neither options nor the recipe say how long to train; empty if they do or may do."""
    if any(getattr(parsed, name) is not None for name in LENGTHS):
        return ""
    if any(setting.startswith(tuple(f"plan.{name}=" for name in LENGTHS)) for setting in parsed.set):
        return ""
    config = str(parsed.config or "")
    if config.startswith("gs:/"):
        return ""  # the job reads it
    if config:
        text = (ROOT / config).read_text()
        if re.search(rf"""(^|[\s{{,])["']?({"|".join(LENGTHS)})["']?\s*:""", text):
            return ""
    return "nothing says how long to train: give --steps, such as --steps 5000, or --epochs"


def _seems_a_path(value: str) -> bool:
    """Whether --weights names a file, rather than weights that the project knows by name."""
    return "/" in value or value.startswith(".") or bool(Path(value).suffix) or Path(value).exists()


def _is_in_the_image(value: str) -> bool:
    path = (ROOT / value).resolve()
    return not Path(value).is_absolute() and path.is_file() and path.is_relative_to((ROOT / CODE).resolve())


def specification(options: argparse.Namespace, train_words: Sequence[str]) -> dict[str, Any]:
    """The job, as Vertex AI's CustomJobSpec."""
    own = {name: getattr(options, name) for name in ("name", "licence", "description", "data", "validation")}
    given = [word for name, value in own.items() if value for word in (f"--{name}", value)]
    job: dict[str, Any] = {
        "workerPoolSpecs": [
            {
                "machineSpec": {"machineType": options.machine},
                "replicaCount": 1,
                "diskSpec": {"bootDiskType": "pd-ssd", "bootDiskSizeGb": options.disk},
                "containerSpec": {
                    "imageUri": options.image,
                    "command": list(COMMAND),
                    "args": [*given, *train_words],
                },
            }
        ],
        "scheduling": {"timeout": f"{options.hours * 3600:.0f}s", "restartJobOnWorkerRestart": True},
        # Vertex AI sets AIP_CHECKPOINT_DIR to its folder checkpoints, and AIP_MODEL_DIR to its folder model.
        "baseOutputDirectory": {"outputUriPrefix": options.out.rstrip("/")},
    }
    if options.spot:
        job["scheduling"]["strategy"] = "SPOT"
    if options.service_account:
        job["serviceAccount"] = options.service_account
    return job


def _divided(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before and after the first "--"."""
    end = list(words).index("--") if "--" in words else len(words)
    return list(words[:end]), list(words[end + 1 :])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.vertex_train",
        usage="%(prog)s PROJECT --image IMAGE --data gs://… --out gs://… [options] [-- options of train]",
        description="Starts training on Vertex AI, as a custom job: see docs/train-on-vertex.md. What "
        "follows -- goes to python -m model train; files and folders named by gs:// are copied to the job.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("project", metavar="PROJECT", help="the Google Cloud project")
    add(
        "--image",
        required=True,
        help="image of the Dockerfile's target train, with its tag",
    )
    add("--data", required=True, help="gs:// folder of labelled images")
    add("--validation", help="gs:// folder of labelled images to validate on")
    add("--out", required=True, help="gs:// folder for the run and the model; give it again to continue")
    add("--name", help="make the run a model of this name when it ends")
    add("--licence", help="licence of the model")
    add("--description", help="purpose of the model, in one sentence")
    add("--region", default="europe-west1", help="region of the job (default: europe-west1)")
    add("--machine", default=MACHINE, help=f"type of machine (default: {MACHINE})")
    add(
        "--disk",
        type=int,
        default=GIGABYTES,
        help=f"its disk in GB; the data must fit (default: {GIGABYTES})",
    )
    add(
        "--spot", action="store_true", help="cheaper, but may be interrupted at any time; continues by itself"
    )
    add("--hours", type=float, default=HOURS, help=f"end the job after this time (default: {HOURS:g})")
    add("--service-account", metavar="EMAIL", help="account of the job (default: Vertex AI's own)")
    add("--display-name", metavar="NAME", help="name of the job in the console")
    add("--dry-run", action="store_true", help="print what would be sent, and send nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
