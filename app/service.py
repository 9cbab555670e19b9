"""Service: the loaded models, and the one way that a picture goes through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flask import Flask, current_app, request

from app.errors import UnknownModel
from app.monitoring.tracing import follow
from app.parameters import Parameters, chosen_classes
from app.serving.clients import Client
from app.serving.deadline import deadline
from app.serving.loading import Models
from app.serving.patience import Patience
from app.serving.workers import Workers
from app.settings import Settings
from app.sources import Sources
from model.formats.encode import FileFormat, check_encodable
from model.pictures import Limits, decode_reduced, whole
from model.segmenter import Segmenter
from model.segments import Segments
from model.stopwatch import Stopwatch

STAGES = ("decode", "queue", "infer", "masks", "encode")

_EXTENSION = "maskserve"


@dataclass(frozen=True)
class Segmentation:
    """A picture, what was found in it and by whom.

    Attributes:
        image: uint8 (H, W, 3), RGB, upright; a reduced copy where the answer does not show it.
        segments: what was found, in the whole picture's pixels.
        segmenter: the model that found it.
        stopwatch: the time each of STAGES took; whoever encodes the answer adds "encode".
    """

    image: npt.NDArray[np.uint8]
    segments: Segments
    segmenter: Segmenter
    stopwatch: Stopwatch

    @property
    def class_names(self) -> list[str]:
        names: list[str] = self.segmenter.bundle.manifest.classes
        return names

    def timings_ms(self) -> dict[str, float]:
        """Milliseconds by stage, all of STAGES."""
        measured = self.stopwatch.milliseconds
        return {stage: round(measured.get(stage, 0.0), 1) for stage in STAGES}


class Service:
    """What the views share: settings, models by name (the first is the default), admission.

    Attributes:
        is_ending: the process has been asked to end, and should get no more to do.
    """

    def __init__(self, settings: Settings, models: Models) -> None:
        self.settings = settings
        self.models = models
        self.workers = Workers(settings.queue, settings.queue_timeout)
        self.sources = Sources(settings)
        self.is_ending = False

    @property
    def segmenters(self) -> Mapping[str, Segmenter]:
        """The models by name, the first the default. Raises NotReady while they load."""
        return self.models.all()

    def await_models(self) -> Patience:
        """Return, when the models are loaded, what patience the running request has.

        Raises:
            ClientLeft: meanwhile.
            NotReady: they did not come up in time.
        """
        patience = Patience(deadline(), Client(request.environ).has_left)
        self.models.wait(patience, self.settings.queue_timeout)
        return patience

    def default_segmenter(self) -> Segmenter:
        """The model of who names none. Raises NotReady while they load."""
        return next(iter(self.segmenters.values()))

    def segmenter_named(self, name: str) -> Segmenter:
        """The model of that name. Raises UnknownModel."""
        if name not in self.segmenters:
            raise UnknownModel(f"There is no such model; there are: {', '.join(self.segmenters)}.")
        return self.segmenters[name]

    def segment(
        self,
        data: bytes,
        parameters: Parameters,
        overlay_format: FileFormat | None = None,
        *,
        shown: bool = True,
    ) -> Segmentation:
        """Segment the image file in `data`. Call it with a place (`workers.admit`) held.

        Args:
            data: a whole image file.
            parameters: what the caller asks for.
            overlay_format: the kind of file, if any, that the whole picture will be answered in.
            shown: whether the answer shows the picture itself; if not, it may be decoded reduced.

        Raises:
            BadParameter: a model or class that there is not.
            Busy: no turn came in time.
            ClientLeft: while the request waited.
            CannotEncode: a picture too large for `overlay_format`.
            NotReady: the models did not come up in time.
            PictureError: no picture in `data`.
        """
        patience = self.await_models()
        segmenter, classes = self._choose(parameters)
        manifest = segmenter.bundle.manifest
        picture = follow(manifest.name, manifest.classes, len(data))
        stopwatch = picture.stopwatch
        enough = whole if shown else segmenter.enough
        with stopwatch.measure("decode"), self.workers.decoding:
            decoded = decode_reduced(
                data,
                enough,
                Limits(max_pixels=self.settings.max_pixels, max_frames=self.settings.max_frames),
                page=parameters.page,
                channel=parameters.channel,
            )
        if overlay_format is not None:  # known now, not after seconds of inference
            check_encodable(decoded.size, overlay_format)
        with self.workers.turn(stopwatch, patience):
            segments = segmenter.segment(
                decoded.image,
                size=decoded.size,
                threshold=parameters.threshold,
                classes=classes,
                max_segments=parameters.max_segments,
                stopwatch=stopwatch,
                before_each_tile=patience.check,
            )
        picture.found(segments)
        return Segmentation(decoded.image, segments, segmenter, stopwatch)

    def _choose(self, parameters: Parameters) -> tuple[Segmenter, list[str] | None]:
        """The model asked for, and which of its classes: checked here, before the wait for a turn."""
        segmenter = (
            self.default_segmenter() if parameters.model is None else self.segmenter_named(parameters.model)
        )
        if parameters.classes is None:
            return segmenter, None
        _, *known = segmenter.bundle.manifest.classes  # index 0 is background
        return segmenter, chosen_classes(parameters.classes, known)


def register(app: Flask, service: Service) -> None:
    """Give `app` its service."""
    app.extensions[_EXTENSION] = service


def current_service() -> Service:
    """The service of the running app."""
    service: Service = current_app.extensions[_EXTENSION]
    return service
