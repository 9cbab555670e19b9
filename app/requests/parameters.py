"""Parameters: what a caller may ask of a segmentation, checked against one schema."""

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
from model.formats.registry import FORMATS
from model.pictures import Projection
from model.result import MOST_SEGMENTS, USUAL_CEILING, Split

_LONGEST_ECHO = 40  # characters of a bad value that are repeated to the caller

# Of one parameter, in all its values: ten million names of classes would take minutes, once for each image.
_LONGEST = 65_536  # characters


def _as_list(value: object) -> object:
    """One text is a list of one."""
    return [value] if isinstance(value, str) else value


def _split_names(value: object) -> object:
    """A list of single names, of text or lists of text that may have commas."""
    parts = _as_list(value)
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        return value
    return _names_in(parts) or parts  # an empty text is no name, for the schema to refuse


def _names_in(texts: Sequence[str]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _whole(value: object) -> object:
    """JSON's 3.0 is a whole number too."""
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
    """The parameters of POST /api/v1/segment. A title says what is allowed, for errors to repeat."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str | None = Field(
        default=None,
        title="the name of a loaded model, or auto",
        description="Which model; auto: the first whose gate accepts the picture; else the first configured.",
    )
    threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        title="a number from 0 to 1",
        description="The lowest score kept; else the model's own.",
    )
    classes: Annotated[list[str] | None, List] = Field(
        default=None,
        min_length=1,
        title="one or more class names, as a list or separated by commas",
        description="The classes to keep, as a list or separated by commas; else all. A value that is the"
        " name of a class means that class, commas and all.",
    )
    max_segments: Annotated[int | None, Whole, AfterValidator(_within_ceiling)] = Field(
        default=None,
        ge=1,
        le=MOST_SEGMENTS,
        title="a whole number from 1 to {most_segments}",
        description="The most segments, best first; else the model's own limit for a picture of that size.",
    )
    split: Split | None = Field(
        default=None,
        title="class or parts",
        description="Of semantic models: a segment a class, or one a connected part; else class.",
    )
    min_area: Annotated[int | None, Whole] = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        title="a whole number of pixels, 1 or more",
        description="With split=parts, the fewest pixels that a part has; else 1.",
    )
    mask_format: MaskFormat = Field(
        default="rle",
        title="rle, polygon, png or none",
        description="Masks in JSON, or of coco: COCO run lengths, rings, a PNG of the box, or none.",
    )
    output: Output | None = Field(
        default=None,
        title=_either(list(FORMATS)),
        description=f"{'; '.join(f'{name}: {one.what}' for name, one in FORMATS.items())}."
        " Else as Accept says, else json.",
    )
    include: Annotated[list[Literal["overlay", "picture"]], Names] = Field(
        default=[],
        title="overlay or picture",
        description="What JSON has too, in base64: the overlay, or the picture as it was read, upright and"
        " in colours that any program can show.",
    )
    page: Annotated[int | None, Whole] = Field(
        default=None,
        ge=0,
        le=1_000_000,
        title="a whole number, 0 for the first page or frame",
        description="Which page or frame, from 0, thumbnails and smaller copies not counted; else the first.",
    )
    channel: Annotated[int | None, Whole] = Field(
        default=None,
        ge=0,
        le=1000,
        title="a whole number, 0 for the first channel",
        description="One channel alone, from 0, as grey; else the picture in colour.",
    )
    projection: Projection = Field(
        default="none",
        title="none, max or mean",
        description="All pages or frames of a stack as one picture: of each place the brightest (max) or the"
        " mean. Not together with page.",
    )
    image_format: FileFormat | None = Field(
        default=None,
        title="png, jpeg or webp",
        description="Of the overlay or picture; else as Accept says, else png.",
    )
    pixel_size: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        allow_inf_nan=False,
        title="a number above 0, of micrometres",
        description="How many micrometres a pixel is wide; csv then has lengths and areas in these too.",
    )

    def classes_of(self, known: Sequence[str]) -> list[str] | None:
        """The class names asked for, of a model that knows these; None: all.

        A value that is a class's name, "boat, small" say, is that one name; else commas separate names in it.

        Raises:
            BadParameter: there is no name in it.
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

    What comes later goes before: the body is nearer to the image than the query. `most_segments` is the most
    that may be asked for.

    Raises:
        BadParameter: naming each parameter that is unknown, repeated or out of range, and what is allowed.
    """
    together: dict[str, Any] = {}
    for source in [*map(_from_texts, texts), document or {}]:
        _check(source, most_segments)  # by itself: what another goes before must make sense too
        together.update(source)
    parameters = _check(together, most_segments)
    if parameters.page is not None and parameters.projection != "none":
        raise BadParameter(
            f"projection={parameters.projection} takes all pages together: leave page out, or the projection."
        )
    return parameters


def _from_texts(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The values that a query's or a form's texts stand for. Raises BadParameter."""
    values: dict[str, Any] = {}
    for name, given in texts.items():
        if len(given) > 1 and not _may_repeat(name):  # a second threshold could only be a mistake
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
    return name in ("classes", "include")


def _from_text(name: str, text: str) -> str | float:
    """A number where the schema wants one and `text` is one; else the text, for the schema to refuse."""
    if name not in _NUMBERS:
        return text
    number = number_in(text)
    return text if number is None else number


def _complaint(name: str, value: Any, most_segments: int = USUAL_CEILING) -> str:
    definition = Parameters.model_fields.get(name)
    if definition is None:
        allowed = ", ".join(Parameters.model_fields)
        return f"There is no parameter {_echo(name)}; there are {allowed}."
    is_list_of_names = isinstance(value, list) and _may_repeat(name)
    shown = ",".join(map(str, value)) if is_list_of_names else str(value)
    allowed = str(definition.title).format(most_segments=most_segments)
    is_number_as_text = name in _NUMBERS and isinstance(value, str) and number_in(value) is not None
    return f"{name} must be {allowed}, not {'the text ' if is_number_as_text else ''}{_echo(shown)}."


def _echo(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "…")
