#!/usr/bin/env python3
"""Segments whole buckets on Dataflow: see docs/bulk.md.

launch.py template PROJECT IMAGE --bucket gs://BUCKET    what Dataflow needs to know of the image
launch.py run PROJECT IMAGE --bucket gs://BUCKET -- --input=gs://… --output=gs://…    a run
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

METADATA = Path(__file__).parents[2] / "pipelines" / "metadata.json"
IMAGE_PARAMETER = "sdk_container_image"
"""The parameter that names the image of the workers: the one from which the template starts."""
MACHINE = "n2-standard-4"
LAUNCHER = "e2-standard-2"
"""The machine that makes the pipeline. Dataflow's default has too little memory for Beam and OpenVINO."""
SEPARATOR = "|"
"""Between parameters, whose values may contain commas."""
DIGEST = re.compile(r"[^@]+@sha256:([0-9a-f]{64})")
BUCKET = re.compile(r"gs://[a-z0-9][\w.-]+(/.*)?")


class Failed(Exception):
    """What to tell the user, who may have to act."""


class Cloud:
    """A project and region on Dataflow; a dry run prints what would be done, and does nothing."""

    def __init__(self, project: str, region: str, dry_run: bool) -> None:
        self.project, self.region, self.dry_run = project, region, dry_run

    def change(self, *words: str) -> None:
        """Run the command; in a dry run, print it."""
        command = ["gcloud", "dataflow", "flex-template", *words, f"--project={self.project}"]
        if self.dry_run:
            print(f"would run: {shlex.join(command)}")
            return
        try:
            ended = subprocess.run(command, text=True)
        except FileNotFoundError:
            raise Failed("gcloud is not installed. See https://cloud.google.com/sdk/docs/install") from None
        if ended.returncode:
            raise Failed(f"this command failed: {shlex.join(command)}")


def template(cloud: Cloud, options: argparse.Namespace) -> None:
    """Write the template: the image and its parameters."""
    cloud.change(
        *("build", template_of(options), f"--image={options.image}"),
        *("--sdk-language=PYTHON", f"--metadata-file={METADATA}"),
    )


def run(cloud: Cloud, options: argparse.Namespace) -> None:
    """Start a run."""
    parameters = parameters_of(options.words, json.loads(METADATA.read_text()))
    parameters[IMAGE_PARAMETER] = options.image
    bucket = options.bucket.rstrip("/")
    cloud.change(
        *("run", options.name or f"segment-images-{datetime.now(UTC):%Y%m%d-%H%M%S}"),
        *(f"--template-file-gcs-location={template_of(options)}", f"--region={cloud.region}"),
        f"--parameters=^{SEPARATOR}^"
        + SEPARATOR.join(f"{name}={value}" for name, value in parameters.items()),
        *(f"--staging-location={bucket}/staging", f"--temp-location={bucket}/temp"),
        *(f"--worker-machine-type={options.machine}", f"--max-workers={options.max_workers}"),
        f"--launcher-machine-type={LAUNCHER}",
        *(["--flexrs-goal=COST_OPTIMIZED"] if options.flexrs else []),
        *([f"--service-account-email={options.service_account}"] if options.service_account else []),
        *([f"--subnetwork={options.subnetwork}", "--disable-public-ips"] if options.subnetwork else []),
    )


def template_of(options: argparse.Namespace) -> str:
    """The address of an image's template."""
    found = DIGEST.fullmatch(options.image)
    if not found:
        raise Failed(f"expected an image with a digest, IMAGE@sha256:…, not {options.image}")
    return f"{options.bucket.rstrip('/')}/templates/segment-images-{found[1][:12]}.json"


def parameters_of(words: Sequence[str], metadata: dict[str, Any]) -> dict[str, str]:
    """The parameters in words such as --input=gs://bucket/**.png."""
    known = {one["name"]: one for one in metadata["parameters"] if one["name"] != IMAGE_PARAMETER}
    parameters: dict[str, str] = {}
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if name not in known or not word.startswith("--"):
            raise Failed(f"there is no option {word}; there are: {', '.join(f'--{one}' for one in known)}")
        if not equals and known[name]["paramType"] == "BOOLEAN":
            value = "true"
        elif not value or SEPARATOR in value:
            raise Failed(f"expected --{name}=VALUE, without {SEPARATOR}, not {word}")
        choices = choices_of(known[name])
        if choices and value not in choices:
            raise Failed(f"--{name}={value} is none of {', '.join(choices)}")
        if wrong := [one for one in known[name].get("regexes", ()) if not re.search(one, value)]:
            raise Failed(f"--{name}={value} does not match {wrong[0]}")
        parameters[name] = value
    if "output" not in parameters or not parameters.keys() & {"input", "input_list"}:
        raise Failed("after --, name the pictures with --input or --input_list, and a folder with --output")
    return parameters


def choices_of(parameter: dict[str, Any]) -> list[str]:
    """The values that a parameter can have; none: any."""
    if parameter["paramType"] == "BOOLEAN":
        return ["true", "false"]
    return [choice["value"] for choice in parameter.get("enumOptions", ())]


def _bucket(text: str) -> str:
    if not BUCKET.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} must be a place in Cloud Storage, such as gs://bucket/bulk")
    return text


def main(words: Sequence[str] | None = None) -> int:
    """Do what the arguments say."""
    given = list(sys.argv[1:] if words is None else words)
    end = given.index("--") if "--" in given else len(given)
    options = _parser().parse_args(given[:end])
    options.words = given[end + 1 :]
    cloud = Cloud(options.project, options.region, options.dry_run)
    try:
        (template if options.command == "template" else run)(cloud, options)
    except Failed as error:
        print(f"dataflow: {error}", file=sys.stderr)
        return 1
    if cloud.dry_run:
        print("Dry run: nothing was changed.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy/dataflow/launch.py", description="See docs/bulk.md.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, says in (
        ("template", "write the template of an image, once"),
        ("run", "start a run; after --, the options of the pipeline"),
    ):
        command = commands.add_parser(name, help=says, description=says, allow_abbrev=False)
        add = command.add_argument
        add("project", metavar="PROJECT")
        add("image", metavar="IMAGE@sha256:…", help="built with --target bulk")
        add("--bucket", type=_bucket, required=True, metavar="gs://BUCKET", help="for templates and staging")
        add(
            "--region",
            default="europe-west1",
            help="of the workers: that of the pictures. Default: %(default)s",
        )
        add("--dry-run", action="store_true", help="print what would be done, and do nothing")
        if name == "run":
            add("--name", help="of the job. Default: segment-images and the time")
            add("--machine", default=MACHINE, help="of the workers. Default: %(default)s")
            add("--max-workers", type=int, default=10, help="most machines. Default: %(default)s")
            add("--flexrs", action="store_true", help="for less, partly on Spot machines, within six hours")
            add("--service-account", metavar="EMAIL", help="of the workers. Default: Compute Engine's own")
            add("--subnetwork", metavar="regions/…", help="for workers without public addresses")
    return parser


if __name__ == "__main__":
    sys.exit(main())
