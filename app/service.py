"""Service: the loaded models, and the one way that a picture goes through them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flask import Flask, current_app, request

from app.access.rate_limit import count_pixels
from app.configuration.settings import Settings
from app.errors import ModelNotFound
from app.fetching.transfer_deadline import TransferDeadline
from app.monitoring.current_request import follow
from app.requests.parameters import Parameters
from app.requests.sources import Image, Sources
from app.requests.wanted import Wanted
from app.serving.admission import Admission, Inference
from app.serving.clients import Client
from app.serving.decoding import INCLUDED_BYTES, KEPT_BYTES, SHOWN_BYTES, Decoding
from app.serving.loading import Models
from app.serving.patience import Patience
from app.serving.reception import admitted, awaiting, hold, place
from app.serving.request_deadline import request_deadline
from model.answering import Unsuitable, find, weight_of, wishes_for
from model.choosing import AUTO, Candidate, ChosenBy
from model.families.family import Size
from model.finding import Finding
from model.manifest import Manifest
from model.pictures import Limits
from model.segmenter import Segmenter

_CHOSEN_BY: dict[str | None, ChosenBy | None] = {None: "default", AUTO: None}
"""Who has chosen the model, by the parameter `model`; of any other name the caller has."""

_EXTENSION = "maskserve"


class Service:
    """What the views share: settings, models by name (the first is the default), and the way through them."""

    def __init__(self, settings: Settings, models: Models, admission: Admission) -> None:
        self.settings = settings
        self.models = models
        self.admission = admission
        self.sources = Sources(settings)
        self._limits = Limits(max_pixels=settings.max_pixels, max_frames=settings.max_frames)
        self.decoding = Decoding(self._limits, settings.max_bytes)

    @property
    def segmenters(self) -> Mapping[str, Segmenter]:
        """The models by name, the first the default. Raises NotReady while they load."""
        return self.models.all()

    def fetch(self, image: Image, deadline: TransferDeadline, most: int | None = None) -> bytes:
        """An image from elsewhere, as `Sources.read`. Call it while the request is received (`receiving`).

        Raises Busy or FetchTimedOut, too, if the place is lost meanwhile.
        """
        with awaiting(deadline):
            data = self.sources.read(image, deadline, most)
        hold(len(data))
        return data

    def await_models(self) -> Patience:
        """Return, when the models are loaded, what patience the running request, which has a place, has.

        Raises:
            ClientLeft: meanwhile.
            NotReady: they did not come up in time.
        """
        patience = Patience(request_deadline(), Client(request.environ).has_left, place().check)
        self.models.wait(patience, self.settings.queue_timeout)
        return patience

    def default_segmenter(self) -> Segmenter:
        """The model of who names none. Raises NotReady while they load."""
        return next(iter(self.segmenters.values()))

    def segmenter_named(self, name: str) -> Segmenter:
        """The model of that name. Raises ModelNotFound."""
        if name not in self.segmenters:
            raise ModelNotFound(f"There is no such model; there are: {', '.join(self.segmenters)}.")
        return self.segmenters[name]

    def await_manifest(self, name: str) -> Manifest:
        """The manifest of the model of that name, after a wait for the models to come up, as for a turn.

        Raises Busy, ClientLeft, NotReady or ModelNotFound.
        """
        with admitted():
            self.await_models()
        manifest: Manifest = self.segmenter_named(name).bundle.manifest
        return manifest

    @contextmanager
    def segmented(self, data: bytes, parameters: Parameters, wanted: Wanted) -> Iterator[Finding]:
        """What is in the image file in `data`. Enter it with a place (`admitted`) held.

        The memory that a large picture needs is not given to another until the `with` block ends.

        Args:
            data: a whole image file.
            parameters: what the caller asks for.
            wanted: in which form the answer is to be.

        Raises:
            Busy: no turn came in time.
            CannotEncode: a picture too large for the kind of file that is wanted.
            ClientLeft: while the request waited.
            NotReady: the models did not come up in time.
            PictureError: no picture in `data`.
            TooManyRequests: it has more pixels than the caller may send now.
            ModelNotFound: there is no such model.
            Unfamiliar: no model knows such pictures, and they are refused.
            Unsuitable: the model has no such class, or its kind cannot answer so.
        """
        patience = self.await_models()
        candidates = self._candidates(parameters, wanted)
        picture = follow(len(data))
        if len(candidates) == 1:
            picture.goes_to(candidates[0].segmenter.bundle.manifest)
        inference = Inference(self.admission, place(), picture.stopwatch, patience)

        def before_pixels(size: Size, pages: int, is_large: bool) -> None:
            weight = max(pages * math.prod(size), weight_of(size, candidates))
            inference.measured(weight, is_large)
            count_pixels(weight)

        with self.decoding.of(
            place().caller,
            picture.stopwatch,
            patience,
            self.settings.queue_timeout,
            _kept_bytes(wanted),
            before_pixels,
        ) as decode:
            finding = find(
                data,
                candidates,
                chosen_by=_CHOSEN_BY.get(parameters.model, "caller"),
                gate=self.settings.gate,
                shows_picture=wanted.shows_picture,
                picture_format=wanted.picture_format,
                limits=self._limits,
                page=parameters.page,
                channel=parameters.channel,
                projection=parameters.projection,
                stopwatch=picture.stopwatch,
                decode=decode,
                lane=lambda size: inference.lane(weight_of(size, candidates)),
                turn=inference.turn,
            )
            picture.goes_to(finding.manifest)
            picture.found(finding.segments)
            yield finding

    def _candidates(self, parameters: Parameters, wanted: Wanted) -> list[Candidate]:
        """The models that may answer; with model=auto those that can give what is asked for."""
        if parameters.model is None:
            return [self._candidate(self.default_segmenter(), parameters, wanted)]
        if parameters.model != AUTO:
            return [self._candidate(self.segmenter_named(parameters.model), parameters, wanted)]
        candidates = []
        refusals = []
        for segmenter in self.segmenters.values():
            # A score of objects is no probability of pixels, and the caller cannot know which model answers.
            is_semantic = segmenter.bundle.manifest.task == "semantic"
            asked = parameters.model_copy(update={"threshold": None}) if is_semantic else parameters
            try:
                candidates.append(self._candidate(segmenter, asked, wanted))
            except Unsuitable as error:
                refusals.append(f"{segmenter.bundle.manifest.name}: {error}")
        if not candidates:
            raise Unsuitable(f"no loaded model can answer that. {'; '.join(refusals)}")
        return candidates

    def _candidate(self, segmenter: Segmenter, parameters: Parameters, wanted: Wanted) -> Candidate:
        manifest = segmenter.bundle.manifest
        wishes = wishes_for(
            manifest,
            wanted.output,
            threshold=parameters.threshold,
            classes=parameters.classes_of(manifest.classes[1:]),
            max_segments=parameters.max_segments,
            ceiling=self.settings.max_segments,
            split=parameters.split,
            min_area=parameters.min_area,
        )
        return Candidate(segmenter, wishes)


def _kept_bytes(wanted: Wanted) -> int:
    if wanted.included:
        return INCLUDED_BYTES
    return SHOWN_BYTES if wanted.shows_picture else KEPT_BYTES


def register(app: Flask, service: Service) -> None:
    """Give `app` its service."""
    app.extensions[_EXTENSION] = service


def current_service() -> Service:
    """The service of the running app."""
    service: Service = current_app.extensions[_EXTENSION]
    return service
