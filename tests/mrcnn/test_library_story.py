"""From an old script to a served model, as docs/matterport.md tells it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "matterport.md"
STEPS = 3
"""Of training; the page has more, which no test waits for."""


def test_the_story_on_the_page_ends_with_the_coins(tmp_path: Path) -> None:
    story = PAGE.read_text().partition("## From an old script")[2].partition("\n## ")[0]
    (script,) = re.findall(r"^```python\n(.*?)^```", story, re.DOTALL | re.MULTILINE)
    commands = [
        line.strip() for line in re.findall(r"^    (?!.*make run).*$", script_less(story), re.MULTILINE)
    ]
    (tmp_path / "coins.py").write_text(re.sub(r"STEPS_PER_EPOCH = \d+", f"STEPS_PER_EPOCH = {STEPS}", script))
    (tmp_path / "model").symlink_to(ROOT / "model")

    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "MASKSERVE_MODEL_DIR": str(tmp_path / "models"),
        },
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert len(commands) == 5, "the page's commands were found"
    segments = json.loads((tmp_path / "photo.json").read_text())["segments"]
    assert [one["class"] for one in segments] == ["coin"] * 3
    assert min(one["score"] for one in segments) > 0.7


def script_less(story: str) -> str:
    return re.sub(r"^```.*?^```", "", story, flags=re.DOTALL | re.MULTILINE)
