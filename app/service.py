"""Service: the loaded models, and the one path that every picture takes through them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from flask import Flask, current_app, request

from app.access.rate_limit import count_pixels
from app.configuration.settings import Settings
from app.fetching.transfer_deadline import TransferDeadline
from app.monitoring.current_request import follow
from app.monitoring.drift import bins_of
from app.requests.parameters import Parameters
from app.requests.sources import Image, Sources
from app.requests.wanted import Wanted
from app.serving.admission import Admission, Inference
from app.serving.clients import Client
from app.serving.decoding import INCLUDED_BYTES, KEPT_BYTES, SHOWN_BYTES, Decoding
from app.serving.loading import Models
from app.serving.patience import Patience
from app.serving.reception import admitted, awaiting, hold, place
from app.serving.rendering import Rendering
from app.serving.request_deadline import request_deadline
from app.shadow.shadows import current_shadows
from app.versions.leases import choose
from app.versions.traffic import SharedTraffic
from app.versions.version import Version
from app.versions.versions import Choice
from model.answering import Unsuitable, find, weight_of, wishes_for
from model.answers.choosing import Candidate, ChosenBy
from model.answers.finding import Finding
from model.families.family import Size
from model.pictures import Limits
from model.results.result import Wishes
from model.storage.manifest import AUTO, Manifest

_EXTENSION = "maskserve"


class Service:
    """What the views share: settings, models, traffic, and segmenting with them."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        traffic: SharedTraffic,
        admission: Admission,
        renders: Admission,
    ) -> None:
        """`renders` admits requests that need no model."""
        self.settings = settings
        self.models = models
        self.traffic = traffic
        self.admission = admission
        self.renders = renders
        self.sources = Sources(settings)
        self.limits = Limits(max_pixels=settings.max_pixels, max_frames=settings.max_frames)
        self.decoding = Decoding(self.limits, settings.max_bytes)
        self.rendering = Rendering(self.limits, settings.max_bytes)

    @property
    def served(self) -> Mapping[str, Version]:
        """For each model, the version that its name alone means; the first is the default.

        Raises NotReady while the models load.
        """
        return self.models.all().usual

    def fetch(self, image: Image, deadline: TransferDeadline, most: int | None = None) -> bytes:
        """Fetch an image from another server, as `Sources.read` does. Call it inside `receiving`.

        Also raises Busy or FetchTimedOut if the request loses its place meanwhile.
        """
        with awaiting(deadline):
            data = self.sources.read(image, deadline, most)
        hold(len(data))
        return data

    def await_models(self) -> Patience:
        """Wait until the models are loaded; returns the conditions that end the running request's waits.

        The request must hold a place.

        Raises:
            Busy: the request lost its place meanwhile.
            ClientLeft: the client left meanwhile.
            NotReady: the models were not loaded in time.
        """
        patience = Patience(request_deadline(), Client(request.environ).has_left, place().check)
        self.models.wait(patience, self.settings.queue_timeout)
        return patience

    def version_named(self, name: str) -> Version:
        """The version that `name` or `name@version` means, to describe it. Raises ModelNotFound, NotReady."""
        return self.models.all().named(name)

    def await_manifest(self, name: str) -> Manifest:
        """The manifest of the version that the running request uses for `name` or `name@version`.

        Waits for the models to load, while holding a place. Raises Busy, ClientLeft, NotReady or
        ModelNotFound.
        """
        with admitted():
            self.await_models()
        return choose(self.models.versions, name).version.manifest

    @contextmanager
    def segmented(self, data: bytes, parameters: Parameters, wanted: Wanted) -> Iterator[Finding]:
        """Segment the image file in `data`. Enter it while the request holds a place (`admitted`).

        The memory that a large picture needs stays reserved until the `with` block ends.

        Args:
            data: a whole image file.
            parameters: the request's parameters.
            wanted: the form of the answer.

        Raises:
            Busy: no turn came in time.
            CannotEncode: the picture is too large for the file format of the answer.
            ClientLeft: the client left while the request waited.
            NotReady: the models were not loaded in time.
            PictureError: `data` is not a picture that can be decoded.
            TooManyRequests: the picture has more pixels than the caller may send now.
            ModelNotFound: there is no such model.
            Unfamiliar: no model recognises such pictures, and MASKSERVE_GATE refuses them.
            Unsuitable: the model has no such class, or cannot answer in this form.
        """
        patience = self.await_models()
        chosen_by, candidates = self._candidates(parameters, wanted)
        picture = follow(len(data))
        if len(candidates) == 1:
            picture.goes_to(candidates[0].segmenter.bundle.manifest, chosen_by, candidates[0].arm)
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
                chosen_by=chosen_by,
                gate=self.settings.gate,
                shows_picture=wanted.shows_picture,
                picture_format=wanted.picture_format,
                limits=self.limits,
                page=parameters.page,
                channel=parameters.channel,
                projection=parameters.projection,
                measured=wanted.measured,
                pixel_size=parameters.pixel_size,
                stopwatch=picture.stopwatch,
                decode=decode,
                lane=lambda size: inference.lane(weight_of(size, candidates)),
                turn=inference.turn,
            )
            picture.goes_to(finding.manifest, finding.chosen_by, finding.arm)
            picture.found(finding.segments)
            if self.settings.drift_window:
                picture.bins = bins_of(finding, is_whole_answer=not parameters.change_the_answer)
            yield finding
            current_shadows().take(finding, _wishes_of(finding, candidates))

    def _candidates(self, parameters: Parameters, wanted: Wanted) -> tuple[ChosenBy | None, list[Candidate]]:
        """The models that may answer, and who chose the model; None: the gates will, among several.

        The running request holds their versions until it has been answered.
        """
        if parameters.model != AUTO:
            choice = choose(self.models.versions, parameters.model)
            return choice.by, [self._candidate(choice, parameters, wanted)]
        candidates = []
        refusals = []
        for name in self.served:
            choice = choose(self.models.versions, name)
            # A threshold for object scores means nothing for pixel probabilities, and the caller cannot know
            # which model will answer.
            is_semantic = choice.version.manifest.task == "semantic"
            asked = parameters.model_copy(update={"threshold": None}) if is_semantic else parameters
            try:
                candidates.append(self._candidate(choice, asked, wanted))
            except Unsuitable as error:
                refusals.append(f"{name}: {error}")
        if not candidates:
            raise Unsuitable(f"no loaded model can answer this request. {'; '.join(refusals)}")
        return None, candidates

    def _candidate(self, choice: Choice, parameters: Parameters, wanted: Wanted) -> Candidate:
        manifest = choice.version.manifest
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
        return Candidate(choice.version.segmenter, wishes, choice.arm)


def _wishes_of(finding: Finding, candidates: Sequence[Candidate]) -> Wishes:
    """The options with which the picture was answered."""
    return next(one.wishes for one in candidates if one.segmenter.bundle.manifest is finding.manifest)


def _kept_bytes(wanted: Wanted) -> int:
    if wanted.included:
        return INCLUDED_BYTES
    return SHOWN_BYTES if wanted.shows_picture else KEPT_BYTES


def register(app: Flask, service: Service) -> None:
    """Attach `service` to `app`."""
    app.extensions[_EXTENSION] = service


def current_service() -> Service:
    """The service of the running app."""
    service: Service = current_app.extensions[_EXTENSION]
    return service
