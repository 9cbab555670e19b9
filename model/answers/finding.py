"""Finding: a picture, what a model found in it, and which model that was."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from model.answers.choosing import ChosenBy
from model.answers.gate import Verdict
from model.pictures import Origin
from model.results.result import Result
from model.results.segments import Segments
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest


@dataclass(frozen=True)
class Finding:
    """What every output format is made from.

    Attributes:
        image: uint8 (H, W, 3), RGB, upright; a reduced copy where no output needs the picture's own pixels.
        result: what was found, in the whole picture's pixels.
        manifest: of the model that found it.
        engine: that ran the model, such as "openvino".
        precision: of its arithmetic, such as "bf16".
        origin: where in its file the picture was, and what that tells of it.
        chosen_by: who chose that model.
        verdict: what its gate says of the picture; None: nobody was asked.
        stopwatch: the time of each stage so far.
        is_page_chosen: whether somebody said which of several pages is meant, or that all are.
        is_cut: whether the end of the picture's file is missing, behind all pixels.
    """

    image: npt.NDArray[np.uint8]
    result: Result
    manifest: Manifest
    engine: str
    precision: str
    origin: Origin
    chosen_by: ChosenBy = "caller"
    verdict: Verdict | None = None
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    is_page_chosen: bool = True
    is_cut: bool = False

    @property
    def segments(self) -> Segments:
        return self.result.segments

    @property
    def class_names(self) -> list[str]:
        """By class id; entry 0 is the background's."""
        return self.manifest.classes
