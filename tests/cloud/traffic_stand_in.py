"""Stands for `gcloud run services`: keeps the traffic of one service in a file, and moves it as told.

Called with the folder of the file and gcloud's arguments. The file `traffic` has a line for each share
and each tag: revision, per cent, tag.
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import yaml

URL = "https://candidate---maskserve-x-ew.a.run.app"


def read(folder: Path) -> list[list[str]]:
    return [*csv.reader((folder / "traffic").read_text().splitlines())]


def write(folder: Path, lines: list[list[str]]) -> None:
    (folder / "traffic").write_text("".join(",".join(line) + "\n" for line in lines))


def replace(folder: Path, file: str) -> None:
    """Take over the traffic in the document of a service."""
    shutil.copy(file, folder / "service.yaml")
    traffic = yaml.safe_load(Path(file).read_text())["spec"]["traffic"]
    write(folder, [[entry["revisionName"], str(entry["percent"]), entry.get("tag", "")] for entry in traffic])


def update(folder: Path, options: list[str]) -> None:
    """Give a revision its share, the rest to the one that had most of it, and move the tag `previous`."""
    given = dict(option[2:].split("=", 1) for option in options if "=" in option)
    to, share = given["to-revisions"].rsplit("=", 1)
    lines = read(folder)
    others = [line for line in lines if line[0] != to and int(line[1] or 0)]
    most = max(others, key=lambda line: int(line[1]), default=None)
    percents = {to: share} | ({most[0]: str(100 - int(share))} if most else {})
    tags = {line[2]: line[0] for line in lines if line[2]}
    if "remove-tags" in given:
        tags.pop(given["remove-tags"], None)
    if "update-tags" in given:
        tags.update([given["update-tags"].split("=")])
    write(
        folder,
        [[name, percent, ""] for name, percent in percents.items()]
        + [[name, "", tag] for tag, name in tags.items()],
    )


if __name__ == "__main__":
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    match arguments[2]:
        case "list":
            for name, percent, tag in read(folder):
                print(name, percent, tag, URL if tag == "candidate" else "", sep=",")
        case "replace":
            replace(folder, arguments[3])
        case "update-traffic":
            update(folder, arguments)
