"""What gcloud says of a document when it reads it as one of Google Cloud's messages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

SDK = Path("/usr/lib/google-cloud-sdk")
_READ = """
import importlib, json, sys
from googlecloudsdk.api_lib.util import messages
api, version, message = sys.argv[1:]
module = f"googlecloudsdk.generated_clients.apis.{api}.{version}.{api}_{version}_messages"
messages.DictToMessageWithErrorCheck(json.load(sys.stdin), getattr(importlib.import_module(module), message))
"""


def complaint(api: str, message: str, document: dict[str, Any]) -> str:
    """What is wrong with `document` as a `message` of an API such as "run.v1"; empty if nothing is."""
    if not SDK.exists():
        pytest.skip("gcloud is missing, which has the schema: https://cloud.google.com/sdk/docs/install")
    python = SDK / "platform/bundledpythonunix/bin/python3"
    read = subprocess.run(
        [python if python.exists() else "python3", "-c", _READ, *api.split("."), message],
        env={"PYTHONPATH": f"{SDK / 'lib'}:{SDK / 'lib/third_party'}", "PATH": "/usr/bin:/bin"},
        input=json.dumps(document),
        capture_output=True,
        text=True,
    )
    return read.stderr
