"""The Dataflow template offers the options that the pipeline has."""

from __future__ import annotations

import json
import subprocess

from bulk_runs import PYTHON, ROOT, Bulk

SCRIPT = """
import argparse, json
from pipelines.options import BulkOptions
parser = argparse.ArgumentParser(add_help=False)
BulkOptions._add_argparse_args(parser)
print(json.dumps({a.dest: [list(a.choices or []), a.default, a.nargs] for a in parser._actions}))
"""


def test_the_template_has_the_options_choices_and_defaults_of_the_pipeline() -> None:
    told = subprocess.run([PYTHON, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    options = json.loads(told.stdout)
    parameters = {
        one["name"]: one
        for one in json.loads((ROOT / "pipelines" / "metadata.json").read_text())["parameters"]
        if one["name"] != "sdk_container_image"  # is Beam's own
    }
    assert list(parameters) == list(options)
    for name, (choices, default, nargs) in options.items():
        offered = [option["value"] for option in parameters[name].get("enumOptions", [])]
        assert offered == choices, name
        written = {"None": None, "[]": None, "False": "false"}.get(str(default), str(default))
        assert parameters[name].get("defaultValue") == written, name
        assert (parameters[name]["paramType"] == "BOOLEAN") == (nargs == "?"), name


def test_the_help_lists_the_parameters_of_the_template(bulk: Bulk) -> None:
    metadata = json.loads((ROOT / "pipelines" / "metadata.json").read_text())

    told = bulk("--help")

    assert told.returncode == 0
    listed = [word.strip("[]") for word in told.stdout.split("options:")[0].split() if "--" in word]
    assert listed == [
        f"--{one['name']}" for one in metadata["parameters"] if one["name"] != "sdk_container_image"
    ]
