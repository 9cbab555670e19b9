"""A workspace as Cloud Build has it, with stand-ins for the commands that would reach Google Cloud."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Workspace:
    """A copy of what is deployed.

    Attributes:
        path: the copy.
        folder: of the stand-ins; what they are to answer, and what they were asked.
    """

    path: Path
    folder: Path

    @classmethod
    def below(cls, folder: Path) -> Workspace:
        """A new one in `folder`, without any stand-ins yet."""
        path, stand_ins = folder / "workspace", folder / "stand-ins"
        for part in (".ci", "scripts", "k8s", "functions", "app/static/samples"):
            shutil.copytree(ROOT / part, path / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("Dockerfile", "cloudbuild.yaml"):
            shutil.copy(ROOT / file, path)
        (stand_ins / "bin").mkdir(parents=True)
        (stand_ins / "answers.json").write_text("[]")
        return cls(path, stand_ins)

    def stand_in(self, *names: str, script: Path = HERE / "stand_in.py") -> None:
        """Have `script` answer for the commands `names`, by default as `answer` says."""
        for name in names:
            command = self.folder / "bin" / name
            command.write_text(f"#!{sys.executable} -IS\n" + script.read_text())
            command.chmod(0o755)

    def answer(self, to: str, **answer: Any) -> None:
        """Answer calls that match `to` with out, err and status, or by what `run` runs; if `once`, the first.

        The latest answer goes first; what matches none goes well, silently.
        """
        file = self.folder / "answers.json"
        file.write_text(json.dumps([{"to": to, **answer}, *json.loads(file.read_text())]))

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.path,
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "STAND_INS": str(self.folder),
                "GOGC": "off",  # kubectl ends before it would pay to collect garbage
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )

    def calls(self, beginning: str = "") -> list[str]:
        """The calls so far, in order, as command lines."""
        commands = (" ".join(command) for command in self.commands())
        return [command for command in commands if command.startswith(beginning)]

    def commands(self) -> list[list[str]]:
        """The calls so far, in order, word by word."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
