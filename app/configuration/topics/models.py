"""Settings: the models, their versions, and how callers are split among these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from app.configuration.definition import setting
from app.configuration.kinds import Kind, keys, names, number, one_of, or_unset, seconds
from app.configuration.traffic import Split, Version, shadows_in, split_in
from model.answers.choosing import GatePolicy


@dataclass(frozen=True)
class ModelSettings:
    """See `Settings`."""

    models: tuple[str, ...] = setting(
        "nuclei,people",
        names(),
        "The models to load: names, for their newest version, name@version, or gs:// folders of bundles. The"
        " first one is used when a request names no model.",
    )
    engine: str | None = setting(
        "",
        or_unset(one_of("openvino", "tensorflow")),
        "The engine that runs the models. Default: openvino for models that have compiled stages.",
    )
    precision: str | None = setting(
        "",
        or_unset(one_of("f32", "bf16", "int8")),
        "Numerical precision. Default: the fastest that the processor supports and that was measured to be"
        " accurate enough for the model.",
    )

    gate: GatePolicy = setting(  # noqa: RUF009
        "warn",
        one_of(*get_args(GatePolicy)),
        "What to do with a picture unlike those that the model was trained on: off (nothing), warn (a"
        " warning in the answer) or refuse (422).",
    )

    model_poll: float | None = setting(
        "",
        or_unset(seconds(86_400)),
        "How often to look for new versions in MASKSERVE_MODEL_DIR and in the gs:// folders of"
        " MASKSERVE_MODELS, in seconds. Default: never.",
    )
    admin_keys: tuple[str, ...] = setting(
        "",
        or_unset(keys(), ()),
        "The values of X-API-Key with which versions can be loaded and unloaded, and traffic be changed."
        " Default: none, and those routes answer 404.",
        secret=True,
    )
    traffic: Split = setting(  # noqa: RUF009
        "",
        Kind("versions with shares, such as nuclei@2=90,nuclei@3=10", split_in),
        "Splits the callers of a model among its versions, by shares in per cent, such as"
        " nuclei@2=90,nuclei@3=10. Default: the newest version answers.",
    )
    shadow: tuple[Version, ...] = setting(
        "",
        Kind("versions, such as nuclei@4", shadows_in),
        "A version that also processes pictures that another version has answered, such as nuclei@4. Its"
        " results are compared with the answers and then dropped. Default: none.",
    )
    shadow_share: float = setting(
        "1",
        number(0, 1),
        "The share of the pictures that MASKSERVE_SHADOW processes, from 0 to 1; fewer under load.",
    )
    shadow_log: str = setting(
        "off",
        one_of("on", "off"),
        "Whether each comparison with the shadow is a line in the log, for python -m model compare.",
    )
