"""Stands for `python -m model`: trains by counting, slowly, and packages what it has counted to."""

import json
import os
import signal
import sys
import time
from pathlib import Path

STEPS = 12
_stopped = False


def stop(*_: object) -> None:
    global _stopped
    _stopped = True


def write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    part.replace(path)


def train(words: list[str]) -> int:
    values = dict(zip(words[::2], words[1::2], strict=True))
    out = Path(values["--out"])
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.lock").touch()
    data = sorted(path.read_text() for path in Path(values["--data"]).rglob("*") if path.is_file())
    write(out / "run.json", json.dumps({"data": values["--data"], "read": data}))
    checkpoint, history = out / "checkpoint.npz", out / "history.csv"
    step = int(checkpoint.read_text()) if checkpoint.exists() else 0
    signal.signal(signal.SIGTERM, stop)
    while step < STEPS:
        step += 1
        time.sleep(0.1)
        # In the order of a real run: the checkpoint relies on the history, of which later steps are dropped.
        steps = history.read_text().split() if history.exists() else []
        write(history, "".join(f"{one}\n" for one in [*(one for one in steps if int(one) < step), step]))
        write(checkpoint, f"{step}")
        write(out / "model.weights.h5", f"weights of {step}")
        if _stopped:
            return 143
    return 0


def package(words: list[str]) -> int:
    bundle = Path(os.environ["MASKSERVE_MODEL_DIR"], words[1])
    (bundle / "openvino").mkdir(parents=True)
    (bundle / "openvino" / "trunk.bin").write_text(Path(words[0], "model.weights.h5").read_text())
    (bundle / "model.json").write_text(json.dumps(words))
    return 0


if __name__ == "__main__":
    sys.exit({"train": train, "package": package}[sys.argv[1]](sys.argv[2:]))
