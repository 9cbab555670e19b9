"""Finding: a picture, the model that processed it, and what the model found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from model.answers.choosing import ChosenBy
from model.answers.gate import Verdict
from model.measures import Measures
from model.pictures import Origin
from model.results.corrections import Correction
from model.results.result import Result
from model.results.segments import Segments
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest


@dataclass(frozen=True)
class Finding:
    """The data from which every output format is made.

    Attributes:
        image: uint8 (H, W, 3), RGB, upright; may be a reduced copy if no output shows the picture itself.
        result: what was found, in pixels of the whole picture.
        manifest: the manifest of the model.
        engine: the engine that ran the model, such as "openvino".
        precision: the numerical precision, such as "bf16".
        origin: the picture's place in its file, and what the file says about it.
        chosen_by: who chose the model.
        verdict: the verdict of the model's gate on the picture; None: there is none.
        stopwatch: the time of each stage so far.
        is_page_chosen: whether the request chose one of several pages, or a projection of all.
        is_cut: whether the end of the picture's file is missing, though no pixel is.
        arm: the version, `name@version`, if a split of the traffic chose it.
        colours: the colour of each segment, (red, green, blue); None: the overlay picks them.
        measures: the measures of the segments, if they were requested.
        corrections: what people changed in the model's answer; `result` is what came of it.
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
    arm: str | None = None
    colours: Sequence[tuple[int, int, int]] | None = None
    measures: Measures | None = None
    corrections: Sequence[Correction] = ()

    @property
    def segments(self) -> Segments:
        return self.result.segments

    @property
    def class_names(self) -> list[str]:
        """The class names by class id; entry 0 is the background."""
        return self.manifest.classes
