"""A workspace as Cloud Build has it, with stand-ins for the commands that would reach Google Cloud."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

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
        for part in (".ci", "scripts", "deploy", "k8s", "functions", "app/static/samples"):
            shutil.copytree(ROOT / part, path / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("Dockerfile", "cloudbuild.yaml", "cloudbuild-deploy.yaml"):
            shutil.copy(ROOT / file, path)
        (stand_ins / "bin").mkdir(parents=True)
        (stand_ins / "answers").mkdir()
        return cls(path, stand_ins)

    def stand_in(self, *names: str) -> None:
        """Have stand_in.sh answer for the commands `names` as `answer` says."""
        for name in names:
            (self.folder / "bin" / name).symlink_to(HERE / "stand_in.sh")

    def program(self, name: str) -> None:
        """Have one in the copy that does nothing, well."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to("/bin/true")

    def answer(
        self,
        to: str,
        out: str = "",
        err: str = "",
        status: int = 0,
        run: Sequence[str] = (),
        once: bool = False,
    ) -> None:
        """Answer calls that match `to` with out, err and status, or by what `run` runs; if `once`, the first.

        The latest answer goes first; what matches none goes well, silently. `to` is a pattern as Bash has it.
        """
        folder = self.folder / "answers"
        given = {"to": to, "out": out, "err": err, "status": str(status), "once": "yes" if once else ""}
        lines = [f"{name}={shlex.quote(value)}" for name, value in given.items()]
        latest = min((int(file.name) for file in folder.iterdir()), default=1000) - 1
        (folder / f"{latest:03}").write_text("\n".join([*lines, f"run=({shlex.join(run)})\n"]))

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
        words = iter(file.read_text().split("\0")[:-1] if file.exists() else [])
        return [list(islice(words, int(length))) for length in words]
