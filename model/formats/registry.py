"""Registry: all output formats, for the API, the page and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson
from pydantic import BaseModel

from model.answers.finding import Finding
from model.formats import schemas
from model.formats.archive import to_zip
from model.formats.coco import segments_to_coco
from model.formats.cutouts import segments_to_cutouts, segments_to_zip
from model.formats.encode import CannotEncode, FileFormat, encode, encode_png
from model.formats.geojson import palette_colour, segments_to_geojson
from model.formats.json import MaskFormat, finding_to_json
from model.formats.label_map import result_to_label_map
from model.formats.overlay import USUAL_LAYERS, Layers, class_colour, draw_result
from model.formats.rois import segments_to_rois
from model.formats.table import segments_to_csv
from model.formats.training import finding_to_training
from model.results.result import Task


@dataclass(frozen=True)
class Options:
    """Options of the formats; each format ignores those of the others.

    Attributes:
        mask_format: the format of masks in json and coco.
        image_format: the file format of the overlay.
        pixel_size: the width of a pixel in micrometres, for csv; None if unknown.
        layers: what is drawn in the overlay.
    """

    mask_format: MaskFormat = "rle"
    image_format: FileFormat = "png"
    pixel_size: float | None = None
    layers: Layers = USUAL_LAYERS


_SUFFIXES: dict[FileFormat, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True, kw_only=True)
class Format:
    """An output format.

    Attributes:
        name: its name in parameters and on the command line.
        title: its name for people.
        use: what it is or is for, in a few words after the title.
        what: a description, for documentation.
        media_types: the media types of its files; several if the caller can choose the file format.
        file_name: the file name of an answer if the picture's name is unknown.
        download: the suffix that the page adds to the picture's name without its own suffix.
        ending: the suffix that the command line adds; empty if the format fills a folder.
        write: converts a finding to the file's bytes. Raises CannotEncode.
        files: converts a finding to the name and bytes of each file in that folder.
        tasks: the tasks of the models that it supports.
        shows_picture: whether it shows the picture's pixels, so that a reduced copy does not suffice.
        by_accept: whether the Accept header can select it by its media types.
        schema: the schema of its JSON, if it is JSON.
        has_measures: whether it has the measures of segments, if they are requested.
    """

    name: str
    title: str
    use: str
    what: str
    media_types: tuple[str, ...]
    file_name: str
    download: str
    ending: str
    write: Callable[[Finding, Options], bytes]
    files: Callable[[Finding], Iterator[tuple[str, bytes]]] | None = None
    tasks: tuple[Task, ...] = ("instance", "semantic")
    shows_picture: bool = False
    by_accept: bool = False
    schema: type[BaseModel] | None = None
    has_measures: bool = False

    def picture_format(self, options: Options) -> FileFormat | None:
        """The file format of the picture that it writes; None if it does not write a picture."""
        if not self.media_types[0].startswith("image/"):
            return None
        return options.image_format if len(self.media_types) > 1 else "png"

    def ending_for(self, options: Options) -> str:
        """`ending`, for the requested file format of a picture."""
        kind = self.picture_format(options)
        return self.ending if kind is None else self.ending.removesuffix(".png") + _SUFFIXES[kind]

    @property
    def is_text(self) -> bool:
        """Whether its files are text, which a terminal can show."""
        return self.media_types[0].startswith("text/") or self.media_types[0].endswith("json")


def draw(finding: Finding, options: Options) -> bytes:
    """The overlay as a file. Raises CannotEncode."""
    overlay = draw_result(finding.image, finding.result, finding.class_names, options.layers, finding.colours)
    return encode(overlay, options.image_format)


def _label_map(finding: Finding, options: Options) -> bytes:
    return encode_png(result_to_label_map(finding.result))


def _probability(finding: Finding, options: Options) -> bytes:
    class_map = finding.result.class_map
    if class_map is None or class_map.probability is None:
        raise CannotEncode(f"the model {finding.manifest.name} has no probabilities: choose another format")
    return encode_png(class_map.probability)


def _cutouts(finding: Finding, options: Options) -> bytes:
    return segments_to_zip(finding.image, finding.segments, finding.class_names)


def _cutout_files(finding: Finding) -> Iterator[tuple[str, bytes]]:
    for name, cutout in segments_to_cutouts(finding.image, finding.segments, finding.class_names):
        yield name, encode_png(cutout)


def _csv(finding: Finding, options: Options) -> bytes:
    return segments_to_csv(
        finding.segments, finding.class_names, pixel_size=options.pixel_size, measures=finding.measures
    )


def _json(finding: Finding, options: Options) -> bytes:
    found = finding_to_json(finding, mask_format=options.mask_format)
    return orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)


def _coco(finding: Finding, options: Options) -> bytes:
    return orjson.dumps(
        segments_to_coco(
            finding.segments,
            finding.class_names,
            mask_format=options.mask_format,
            measures=finding.measures,
        )
    )


def _training(finding: Finding, options: Options) -> bytes:
    return to_zip(finding_to_training(finding))


def _rois(finding: Finding, options: Options) -> bytes:
    return segments_to_rois(finding.segments, finding.class_names)


def _geojson(finding: Finding, options: Options) -> bytes:
    # For semantic models as in the overlay, which has one colour per class.
    colour_of = palette_colour if finding.result.class_map is None else class_colour
    found = segments_to_geojson(
        finding.segments, finding.class_names, colour_of=colour_of, measures=finding.measures
    )
    return orjson.dumps(found)


_ALL = (
    Format(
        name="overlay",
        title="Overlay",
        use="PNG, to look at",
        what="the picture with the segments drawn over it",
        media_types=("image/png", "image/jpeg", "image/webp"),
        file_name="overlay.png",
        download="-overlay.png",
        ending=".png",
        write=draw,
        shows_picture=True,
        by_accept=True,
    ),
    Format(
        name="labelmap",
        title="Label map",
        use="PNG, 16-bit numbers",
        what="a 16-bit PNG whose pixels are 0 for background, else the segment's number or, with semantic"
        " models, the class id",
        media_types=("image/png",),
        file_name="labelmap.png",
        download="-labels.png",
        ending=".png",
        write=_label_map,
    ),
    Format(
        name="probability",
        title="Probability",
        use="PNG, of one class",
        what="an 8-bit grey PNG with the probability of one class, 0 to 255 (semantic models only)",
        media_types=("image/png",),
        file_name="probability.png",
        download="-probability.png",
        ending="-probability.png",
        write=_probability,
        tasks=("semantic",),
    ),
    Format(
        name="cutouts",
        title="Cutouts",
        use="zip of PNGs",
        what="each segment cut out as a PNG, transparent around it",
        media_types=("application/zip",),
        file_name="cutouts.zip",
        download="-cutouts.zip",
        ending="",
        write=_cutouts,
        files=_cutout_files,
        shows_picture=True,
    ),
    Format(
        name="csv",
        title="Table",
        use="CSV",
        what="a table with one row per segment",
        media_types=("text/csv",),
        file_name="segments.csv",
        download=".csv",
        ending=".csv",
        write=_csv,
        has_measures=True,
        by_accept=True,
    ),
    Format(
        name="json",
        title="JSON",
        use="as the API answers",
        what="classes, scores, boxes, areas and masks as data",
        media_types=("application/json",),
        file_name="segments.json",
        download=".json",
        ending=".json",
        write=_json,
        has_measures=True,
        by_accept=True,
        schema=schemas.Found,
    ),
    Format(
        name="coco",
        title="COCO",
        use="JSON, to train with",
        what="a COCO data set of one image",
        media_types=("application/json",),
        file_name="coco.json",
        download="-coco.json",
        ending="-coco.json",
        write=_coco,
        has_measures=True,
        schema=schemas.CocoData,
    ),
    Format(
        name="rois",
        title="ImageJ ROIs",
        use="zip, for its ROI manager",
        what="a zip of ImageJ's regions of interest",
        media_types=("application/zip",),
        file_name="rois.zip",
        download="-rois.zip",
        ending="-rois.zip",
        write=_rois,
    ),
    Format(
        name="geojson",
        title="GeoJSON",
        use="for QuPath",
        what="GeoJSON for QuPath",
        media_types=("application/geo+json",),
        file_name="segments.geojson",
        download=".geojson",
        ending=".geojson",
        write=_geojson,
        has_measures=True,
        by_accept=True,
        schema=schemas.GeoJson,
    ),
    Format(
        name="training",
        title="Training data",
        use="zip, to train and correct",
        what="a zip with the picture, its segments as a COCO data set to train with, the label map, and a"
        " note of what was corrected",
        media_types=("application/zip",),
        file_name="training.zip",
        download="-training.zip",
        ending="-training",
        write=_training,
        files=finding_to_training,
        shows_picture=True,
    ),
)

FORMATS: Mapping[str, Format] = MappingProxyType({one.name: one for one in _ALL})
"""All formats by name, in the order in which they are listed."""

OVERLAY = FORMATS["overlay"]
JSON = FORMATS["json"]


def formats_for(*tasks: str) -> list[Format]:
    """The formats that support at least one of these tasks."""
    return [one for one in FORMATS.values() if set(one.tasks) & set(tasks)]
