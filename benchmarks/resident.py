"""`python -m benchmarks.resident FOLDER PRECISION CONFIG`: megabytes of a process that runs these stages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from model.engines.openvino import OpenVINORunner
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.fit import largest_picture
from model.families.mask_rcnn.inference import find_segments
from model.families.mask_rcnn.stages import STAGES, EngineStages

SHAPES = ((1024, 1024), (768, 1024), (1024, 768), (480, 640))


def megabytes_of_fresh_process(folder: Path, precision: str, config: Config) -> int:
    """Resident memory of a new process after pictures of several shapes."""
    words = [sys.executable, "-m", __name__, folder, precision, json.dumps(config.to_json())]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def main(folder: str, precision: str, config_json: str) -> None:
    """Segment some pictures and print the megabytes."""
    config = Config.from_json(json.loads(config_json))
    runner = OpenVINORunner.open(Path(folder), STAGES, precision, (1, *largest_picture(config), 3))
    stages = EngineStages(runner, config)
    for shape in SHAPES:
        find_segments(stages, np.zeros((*shape, 3), np.uint8), config)
    print(round(resident_megabytes(os.getpid())))


def resident_megabytes(process: int) -> float:
    """The current resident memory of a process, in 10⁶ bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
