"""Registry: every form in which an answer can be given; who offers or writes them takes them from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson
from pydantic import BaseModel

from model.answers.finding import Finding
from model.formats import schemas
from model.formats.coco import segments_to_coco
from model.formats.cutouts import segments_to_cutouts, segments_to_zip
from model.formats.encode import CannotEncode, FileFormat, encode, encode_png
from model.formats.geojson import palette_colour, segments_to_geojson
from model.formats.json import MaskFormat, finding_to_json
from model.formats.label_map import result_to_label_map
from model.formats.overlay import class_colour, draw_result
from model.formats.rois import segments_to_rois
from model.formats.table import segments_to_csv
from model.results.result import Task


@dataclass(frozen=True)
class Options:
    """What a caller may ask of a format; each ignores what is not its own.

    Attributes:
        mask_format: of masks in json and coco.
        image_format: of the overlay.
        pixel_size: micrometres that a pixel is wide, for csv; None: not known.
    """

    mask_format: MaskFormat = "rle"
    image_format: FileFormat = "png"
    pixel_size: float | None = None


_SUFFIXES: dict[FileFormat, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True, kw_only=True)
class Format:
    """A form in which an answer can be given.

    Attributes:
        name: as parameters and the command line have it.
        title: for people.
        use: what it is or is for, in a few words beside the title.
        what: the same in a clause, for documentation.
        media_types: of its files; several where the caller may choose the kind of picture.
        file_name: as which an answer is saved, where the picture's own name is not known.
        download: what the page adds to the picture's name, without its suffix, for a file beside others.
        ending: what the command line adds to it; empty where it fills a folder.
        write: what was found → the file's bytes. Raises CannotEncode.
        files: what was found → name and bytes of each file in that folder.
        tasks: of the models that it suits.
        shows_picture: whether it shows the picture's own pixels, so that a reduced copy will not do.
        by_accept: whether Accept may choose it by its media types.
        schema: of its JSON, if it is JSON.
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

    def picture_format(self, options: Options) -> FileFormat | None:
        """The kind of picture file that it is; None: it is none."""
        if not self.media_types[0].startswith("image/"):
            return None
        return options.image_format if len(self.media_types) > 1 else "png"

    def ending_for(self, options: Options) -> str:
        """`ending`, for the kind of picture file that is asked for."""
        kind = self.picture_format(options)
        return self.ending if kind is None else self.ending.removesuffix(".png") + _SUFFIXES[kind]

    @property
    def is_text(self) -> bool:
        """Whether its files can be read on a terminal."""
        return self.media_types[0].startswith("text/") or self.media_types[0].endswith("json")


def draw(finding: Finding, options: Options) -> bytes:
    """The overlay as a file. Raises CannotEncode."""
    overlay = draw_result(finding.image, finding.result, finding.class_names)
    return encode(overlay, options.image_format)


def _label_map(finding: Finding, options: Options) -> bytes:
    return encode_png(result_to_label_map(finding.result))


def _probability(finding: Finding, options: Options) -> bytes:
    class_map = finding.result.class_map
    if class_map is None or class_map.probability is None:
        raise CannotEncode(f"the model {finding.manifest.name} gives no probabilities: choose another format")
    return encode_png(class_map.probability)


def _cutouts(finding: Finding, options: Options) -> bytes:
    return segments_to_zip(finding.image, finding.segments, finding.class_names)


def _cutout_files(finding: Finding) -> Iterator[tuple[str, bytes]]:
    for name, cutout in segments_to_cutouts(finding.image, finding.segments, finding.class_names):
        yield name, encode_png(cutout)


def _csv(finding: Finding, options: Options) -> bytes:
    return segments_to_csv(finding.segments, finding.class_names, pixel_size=options.pixel_size)


def _json(finding: Finding, options: Options) -> bytes:
    found = finding_to_json(finding, mask_format=options.mask_format)
    return orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)


def _coco(finding: Finding, options: Options) -> bytes:
    return orjson.dumps(
        segments_to_coco(finding.segments, finding.class_names, mask_format=options.mask_format)
    )


def _rois(finding: Finding, options: Options) -> bytes:
    return segments_to_rois(finding.segments, finding.class_names)


def _geojson(finding: Finding, options: Options) -> bytes:
    # Of semantic models as in the overlay, which has a colour a class.
    colour_of = palette_colour if finding.result.class_map is None else class_colour
    return orjson.dumps(segments_to_geojson(finding.segments, finding.class_names, colour_of=colour_of))


_ALL = (
    Format(
        name="overlay",
        title="Overlay",
        use="PNG, to look at",
        what="the picture with what was found drawn over it",
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
        what="a 16-bit PNG whose pixels are 0 for background and else the segment's number, or with semantic"
        " models the class id",
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
        what="an 8-bit grey PNG of one class's probability, 0 to 255 (semantic models only)",
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
        what="each segment cut out, transparent around it",
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
        what="a table with a row a segment",
        media_types=("text/csv",),
        file_name="segments.csv",
        download=".csv",
        ending=".csv",
        write=_csv,
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
        schema=schemas.CocoData,
    ),
    Format(
        name="rois",
        title="ImageJ ROIs",
        use="zip, for its ROI manager",
        what="a zip of ImageJ's regions",
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
        by_accept=True,
        schema=schemas.GeoJson,
    ),
)

FORMATS: Mapping[str, Format] = MappingProxyType({one.name: one for one in _ALL})
"""Every format by name, in the order in which they are offered."""

OVERLAY = FORMATS["overlay"]
JSON = FORMATS["json"]


def formats_for(*tasks: str) -> list[Format]:
    """Those that suit a model of at least one of these tasks."""
    return [one for one in FORMATS.values() if set(one.tasks) & set(tasks)]
