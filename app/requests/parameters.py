"""Parameters: the options of a segmentation request, validated against one schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)

from app.configuration.numbers import number_in
from app.errors import BadParameter
from model.formats.encode import FileFormat
from model.formats.json import MaskFormat
from model.formats.overlay import USUAL_FILL, Layers
from model.formats.registry import FORMATS
from model.measures import GROUPS, Group
from model.pictures import Projection
from model.results.result import MOST_SEGMENTS, USUAL_CEILING, Split

_LONGEST_ECHO = 40  # characters of a bad value that are repeated to the caller

# In all values of one parameter: ten million class names would take minutes to check, for each image.
_LONGEST = 65_536  # characters


def _as_list(value: object) -> object:
    """A single text becomes a list of one."""
    return [value] if isinstance(value, str) else value


def _split_names(value: object) -> object:
    """A list of single names, from a text or a list of texts, which may have commas."""
    parts = _as_list(value)
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        return value
    return _names_in(parts) or parts  # an empty text is not a name; the schema refuses it


def _names_in(texts: Sequence[str]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _whole(value: object) -> object:
    """JSON's 3.0 counts as a whole number, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _within_ceiling(value: int | None, info: ValidationInfo) -> int | None:
    if value is not None and info.context and value > info.context["most_segments"]:
        raise ValueError("more than the service answers")
    return value


def _known_output(name: str) -> str:
    if name not in FORMATS:
        raise ValueError("there is no such output")
    return name


def _either(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"


Whole = BeforeValidator(_whole)
List = BeforeValidator(_as_list)
Names = BeforeValidator(_split_names)
Output = Annotated[
    str, AfterValidator(_known_output), WithJsonSchema({"type": "string", "enum": list(FORMATS)})
]


class Parameters(BaseModel):
    """The parameters of POST /api/v1/segment. Error messages repeat the titles, which say what is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str | None = Field(
        default=None,
        title="the name of a loaded model, name@version, or auto",
        description="The model, or name@version for one of its versions; auto chooses the first model whose"
        " gate accepts the picture. Default: the first configured model.",
    )
    threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        title="a number from 0 to 1",
        description="The lowest score to keep. Default: the model's own.",
    )
    classes: Annotated[list[str] | None, List] = Field(
        default=None,
        min_length=1,
        title="one or more class names, as a list or separated by commas",
        description="The classes to keep, as a list or separated by commas. Default: all. A value that equals"
        " the name of a class means that class, even if the name has commas.",
    )
    max_segments: Annotated[int | None, Whole, AfterValidator(_within_ceiling)] = Field(
        default=None,
        ge=1,
        le=MOST_SEGMENTS,
        title="a whole number from 1 to {most_segments}",
        description="The most segments, best first. Default: the model's own limit, which may depend on the"
        " picture's size.",
    )
    split: Split | None = Field(
        default=None,
        title="class or parts",
        description="Semantic models only: one segment per class, or per connected part. Default: class.",
    )
    min_area: Annotated[int | None, Whole] = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        title="a whole number of pixels, 1 or more",
        description="With split=parts: the fewest pixels of a part. Default: 1.",
    )
    mask_format: MaskFormat = Field(
        default="rle",
        title="rle, polygon, png or none",
        description="The form of masks in JSON and in coco: COCO run lengths, rings of points, a PNG of the"
        " box, or none.",
    )
    output: Output | None = Field(
        default=None,
        title=_either(list(FORMATS)),
        description=f"{'; '.join(f'{name}: {one.what}' for name, one in FORMATS.items())}."
        " Default: as the Accept header says, or else json.",
    )
    include: Annotated[list[Literal["overlay", "picture"]], Names] = Field(
        default=[],
        title="overlay or picture",
        description="Pictures to add to the JSON answer, in base64: the overlay, or the picture as it was"
        " read, upright and in colours that any program can show.",
    )
    page: Annotated[int | None, Whole] = Field(
        default=None,
        ge=0,
        le=1_000_000,
        title="a whole number, 0 for the first page or frame",
        description="The page or frame, counted from 0 without thumbnails and smaller copies. Default: the"
        " first.",
    )
    channel: Annotated[int | None, Whole] = Field(
        default=None,
        ge=0,
        le=1000,
        title="a whole number, 0 for the first channel",
        description="Use only this channel, counted from 0, as grey. In a projection of a file that says that"
        " each page is one channel, only the pages of this channel. Default: the picture in colour.",
    )
    projection: Projection = Field(
        default="none",
        title="none, max or mean",
        description="Combine all pages or frames of a stack into one picture: the brightest value of each"
        " pixel (max) or the mean. Cannot be used together with page.",
    )
    image_format: FileFormat | None = Field(
        default=None,
        title="png, jpeg or webp",
        description="The format of the overlay or picture. Default: as the Accept header says, or else png.",
    )
    fill: float = Field(
        default=USUAL_FILL,
        ge=0,
        le=1,
        allow_inf_nan=False,
        title="a number from 0 to 1",
        description="The opacity of the fill in the overlay; 0: no fill.",
    )
    draw: Annotated[list[Literal["outlines", "labels", "boxes", "none"]] | None, Names] = Field(
        default=None,
        min_length=1,
        title="one or more of outlines, labels and boxes, or none",
        description="What the overlay has besides the fill; none stands for nothing. Labels are the classes"
        " and scores of objects, or the legend of semantic models. Default: outlines and labels.",
    )
    pixel_size: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        allow_inf_nan=False,
        title="a number of micrometres above 0",
        description="The width of a pixel in micrometres; csv then also has lengths and areas in µm and µm²,"
        " and measures are in them.",
    )
    measure: Annotated[list[Group], Names] = Field(
        default=[],
        title=f"{' or '.join(GROUPS)}, or both",
        description="What to measure of each segment, in json, csv, coco and geojson: its shape, and the"
        " intensity of the file's own values in each channel. In micrometres if pixel_size or the file says"
        " the size of a pixel.",
    )

    @property
    def layers(self) -> Layers:
        """What the overlay has."""
        if self.draw is None:
            return Layers(self.fill)
        return Layers(self.fill, "outlines" in self.draw, "labels" in self.draw, "boxes" in self.draw)

    @property
    def change_the_answer(self) -> bool:
        """Whether they change what is found in a picture, and not only which picture or how it is shown."""
        options = (self.threshold, self.classes, self.max_segments, self.split, self.min_area)
        return any(option is not None for option in options)

    def classes_of(self, known: Sequence[str]) -> list[str] | None:
        """The requested class names, for a model with the classes `known`; None means all.

        A value that equals a class's name, such as "boat, small", is one name; else commas separate names.

        Raises:
            BadParameter: `classes` has no name in it.
        """
        if self.classes is None:
            return None
        names = [
            name for value in self.classes for name in ([value] if value in known else _names_in([value]))
        ]
        if not names:
            raise BadParameter(_complaint("classes", self.classes))
        return names


_NUMBERS = {
    name
    for name, definition in Parameters.model_fields.items()
    if {int, float} & {definition.annotation, *get_args(definition.annotation)}
}


def parse_parameters(
    *texts: Mapping[str, Sequence[str]],
    document: Mapping[str, Any] | None = None,
    most_segments: int = USUAL_CEILING,
) -> Parameters:
    """The parameters in `texts` (query, form), each name with all its values, and in a JSON object.

    Later sources take precedence, because the body is closer to the image than the query. `most_segments` is
    the highest max_segments that is allowed.

    Raises:
        BadParameter: names each parameter that is unknown, repeated or out of range, and what is allowed.
    """
    together: dict[str, Any] = {}
    for source in [*map(_from_texts, texts), document or {}]:
        _check(source, most_segments)  # separately: values that another source overrides must be valid, too
        together.update(source)
    parameters = _check(together, most_segments)
    if parameters.page is not None and parameters.projection != "none":
        raise BadParameter(
            f"projection={parameters.projection} combines all pages: leave out page, or the projection."
        )
    return parameters


def _from_texts(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The values in a query's or a form's texts. Raises BadParameter."""
    values: dict[str, Any] = {}
    for name, given in texts.items():
        if len(given) > 1 and not _may_repeat(name):  # a second threshold can only be a mistake
            raise BadParameter(f"{_echo(name)} is given {len(given)} times; give it once.")
        values[name] = list(given) if _may_repeat(name) else _from_text(name, given[0])
    return values


def _check(given: Mapping[str, Any], most_segments: int) -> Parameters:
    for name, value in given.items():
        if sum(map(len, filter(_is_text, value if isinstance(value, list) else [value]))) > _LONGEST:
            raise BadParameter(f"{_echo(name)} has more than {_LONGEST:,} characters.")
    try:
        return Parameters.model_validate(given, context={"most_segments": most_segments})
    except ValidationError as error:
        names = list(dict.fromkeys(str(line["loc"][0]) for line in error.errors()))
        complaints = (_complaint(name, given[name], most_segments) for name in names)
        raise BadParameter(" ".join(complaints)) from error


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _may_repeat(name: str) -> bool:
    return name in ("classes", "include", "draw", "measure")


def _from_text(name: str, text: str) -> str | float:
    """The number in `text` if the schema expects a number; otherwise the text, which the schema checks."""
    if name not in _NUMBERS:
        return text
    number = number_in(text)
    return text if number is None else number


def _complaint(name: str, value: Any, most_segments: int = USUAL_CEILING) -> str:
    definition = Parameters.model_fields.get(name)
    if definition is None:
        allowed = ", ".join(Parameters.model_fields)
        return f"There is no parameter {_echo(name)}; the parameters are {allowed}."
    is_list_of_names = isinstance(value, list) and _may_repeat(name)
    shown = ",".join(map(str, value)) if is_list_of_names else str(value)
    allowed = str(definition.title).format(most_segments=most_segments)
    is_number_as_text = name in _NUMBERS and isinstance(value, str) and number_in(value) is not None
    return f"{name} must be {allowed}, not {'the text ' if is_number_as_text else ''}{_echo(shown)}."


def _echo(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "…")
