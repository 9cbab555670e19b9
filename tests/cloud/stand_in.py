"""Stands for a command: notes how it was called, and answers as the test says (workspace.py)."""

import json
import os
import re
import sys
from pathlib import Path

folder = Path(os.environ["STAND_INS"])
name = Path(sys.argv[0]).name
command = [name, *sys.argv[1:]]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(command) + "\n")

answers = json.loads((folder / "answers.json").read_text())
for answer in answers:
    if re.search(answer["to"], " ".join(command)):
        if answer.get("once"):
            answers.remove(answer)
            (folder / "answers.json").write_text(json.dumps(answers))
        if answer.get("run"):
            os.execv(answer["run"][0], [*answer["run"], *sys.argv[1:]])
        sys.stdout.write(answer.get("out", ""))
        sys.stderr.write(answer.get("err", ""))
        sys.exit(answer.get("status", 0))
