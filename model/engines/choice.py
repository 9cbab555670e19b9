"""Choice: which engine runs a model, and in which precision."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

ENGINES = ("openvino", "tensorflow")
PRECISIONS = ("f32", "bf16", "int8")
FASTEST_FIRST = ("int8", "bf16", "f32")


class ChoiceError(ValueError):
    """What was asked for cannot be had with this model or on this processor."""


@dataclass(frozen=True)
class Choice:
    """An engine of ENGINES and a precision of PRECISIONS."""

    engine: str
    precision: str


def choices(
    model: str,
    passed: Mapping[str, bool],
    able: Collection[str],
    engine: str | None = None,
    precision: str | None = None,
) -> list[Choice]:
    """Ways to run a model, the fastest first.

    Args:
        model: its name, for messages.
        passed: of the precisions that it was exported in, whether the answers were close enough to the
            reference's. The stages of "f32" also run in bf16.
        able: the precisions that the processor computes in.
        engine: one of ENGINES, where the caller wants that one; None: any.
        precision: likewise. One that did not pass is used only when it is asked for.

    Raises:
        ChoiceError: there is no such way; says what to do.
    """
    if engine not in (None, *ENGINES):
        raise ChoiceError(f"there is no engine {engine!r}; there are: {', '.join(ENGINES)}")
    if precision not in (None, *PRECISIONS):
        raise ChoiceError(f"there is no precision {precision!r}; there are: {', '.join(PRECISIONS)}")
    if engine == "tensorflow" and precision in ("bf16", "int8"):
        raise ChoiceError(f"the tensorflow engine computes in f32, not in {precision}: use openvino for that")

    if engine != "tensorflow" and precision is not None:
        _check(model, passed, able, precision)
    wanted = FASTEST_FIRST if precision is None else (precision,)
    compiled = [
        Choice("openvino", name)
        for name in wanted
        if name in able and _is_exported(name, passed) and (name == precision or passed.get(name, True))
    ]
    if engine == "openvino" and not compiled:
        raise ChoiceError(f"the model {model} has no compiled stages: {_how_to_export(model)}")
    reference = [Choice("tensorflow", "f32")] if precision in (None, "f32") else []
    return {"openvino": compiled, "tensorflow": reference}.get(engine or "", compiled or reference)


def _check(model: str, passed: Mapping[str, bool], able: Collection[str], precision: str) -> None:
    if precision not in able:
        raise ChoiceError(
            f"this processor does not compute in {precision}, only in {', '.join(sorted(able))}"
        )
    if precision != "f32" and not _is_exported(precision, passed):
        raise ChoiceError(
            f"the model {model} has no stages for {precision}: {_how_to_export(model, precision)}"
        )


def _is_exported(precision: str, passed: Mapping[str, bool]) -> bool:
    return ("f32" if precision == "bf16" else precision) in passed


def _how_to_export(model: str, precision: str = "f32") -> str:
    calibration = " --calibration FOLDER" if precision == "int8" else ""
    stages = "int8" if precision == "int8" else "f32"
    return f"make them with python -m model export {model} --precision {stages}{calibration}"
