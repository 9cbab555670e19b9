"""Question: what a run asks about each picture. Two runs with the same answers ask the same question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model import catalog
from model.answering import Unsuitable, wishes_for
from model.answers.choosing import GatePolicy
from model.formats.registry import FORMATS, JSON, Format
from model.measures import Group
from model.pictures import Limits, Projection
from model.results.result import Split, Wishes
from model.storage.manifest import Manifest

DRAWN = {"overlays": FORMATS["overlay"], "label_maps": FORMATS["labelmap"]}
"""The formats of which a run can write a file for each picture, by the names of their options."""


@dataclass(frozen=True)
class Question:
    """What is asked about each picture; a value that is None stands for the model's own.

    Attributes:
        model: a model, or `name@version`.
        precision: as in `model.segmenter.load`.
        threshold, classes, max_segments, split, min_area: as in `Wishes`.
        page, channel, projection: as in `model.pictures.decode`.
        gate: the policy for pictures that the model's gate rejects.
        measure: the groups of measures.
        pixel_size: the width of a pixel in micrometres; None: as the file says.
        drawn: which of `DRAWN` are written.
        coco: whether a COCO data set is written for each shard.
        max_bytes: the largest file that is read.
        max_pixels: the most pixels that are decoded.
    """

    model: str
    precision: str | None = None
    threshold: float | None = None
    classes: Sequence[str] | None = None
    max_segments: int | None = None
    split: Split | None = None
    min_area: int | None = None
    page: int | None = None
    channel: int | None = None
    projection: Projection = "none"
    gate: GatePolicy = "warn"
    measure: Sequence[Group] = ()
    pixel_size: float | None = None
    drawn: Sequence[str] = ()
    coco: bool = False
    max_bytes: int = 100_000_000
    max_pixels: int = 50_000_000

    def check(self) -> Manifest:
        """The model's manifest, if the model can be asked this.

        Raises:
            UnknownModel, BundleError, Unsuitable: the message says what to change.
        """
        if self.page is not None and self.projection != "none":
            raise Unsuitable(f"the projection {self.projection} combines all pages: leave out page")
        manifest = catalog.find(self.model).manifest
        self.wishes(manifest)
        return manifest

    def wishes(self, manifest: Manifest) -> Wishes:
        """What is asked of the model. Raises Unsuitable."""
        if manifest.task == "classify":
            return self._of_classifier(manifest)
        formats = JSON, *(DRAWN[name] for name in self.drawn)
        wishes, *_ = [self._of_segments(manifest, output) for output in formats]
        return wishes

    def _of_segments(self, manifest: Manifest, output: Format) -> Wishes:
        return wishes_for(
            manifest,
            output,
            threshold=self.threshold,
            classes=self.classes,
            max_segments=self.max_segments,
            split=self.split,
            min_area=self.min_area,
        )

    def limits(self) -> Limits:
        """The limits on a picture."""
        return Limits(max_pixels=self.max_pixels)

    def _of_classifier(self, manifest: Manifest) -> Wishes:
        """A classifier tells the probability of each class, and nothing else."""
        others = ("threshold", "classes", "max_segments", "split", "min_area", "measure", "drawn", "coco")
        if given := [name for name in others if getattr(self, name)]:
            raise Unsuitable(
                f"the model {manifest.name} is a classifier, which finds no segments: leave out "
                f"{', '.join(given)}"
            )
        return Wishes()
