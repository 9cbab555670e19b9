"""Choice: selects the engine that runs a model, and its precision."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

ENGINES = ("openvino", "tensorflow")
PRECISIONS = ("f32", "bf16", "int8")
FASTEST_FIRST = ("int8", "bf16", "f32")


class ChoiceError(ValueError):
    """The requested engine or precision is not available for this model or on this processor."""


@dataclass(frozen=True)
class Choice:
    """One of ENGINES and one of PRECISIONS."""

    engine: str
    precision: str


def choices(
    model: str,
    passed: Mapping[str, bool],
    able: Collection[str],
    engine: str | None = None,
    precision: str | None = None,
) -> list[Choice]:
    """Return the ways to run a model, the fastest first.

    Args:
        model: the name of the model, for messages.
        passed: precision that the model was exported in → whether its answers were close enough to the
            reference. The stages of "f32" also run in bf16.
        able: the precisions that the processor supports.
        engine: the requested engine, one of ENGINES; None: any.
        precision: the requested precision, one of PRECISIONS; None: any. A precision that did not pass is
            used only if it is requested.

    Raises:
        ChoiceError: there is no such way; the message says what to do.
    """
    if engine not in (None, *ENGINES):
        raise ChoiceError(f"there is no engine {engine!r}; choose one of: {', '.join(ENGINES)}")
    if precision not in (None, *PRECISIONS):
        raise ChoiceError(f"there is no precision {precision!r}; choose one of: {', '.join(PRECISIONS)}")
    if engine == "tensorflow" and precision in ("bf16", "int8"):
        raise ChoiceError(f"the tensorflow engine supports f32, not {precision}: use openvino for that")

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
            f"this processor does not support {precision}; choose one of: {', '.join(sorted(able))}"
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
    return f"create them with python -m model export {model} --precision {stages}{calibration}"
