"""The output of commands that have made a model."""

from __future__ import annotations

import json

from model.publishing.publish import Published
from model.storage.manifest import Bundle, Export

ENDINGS = {
    "off": "without accuracy control",
    "stopped": "stopped during the search for layers to keep exact",
    "out of reach": "not possible even with all layers exact: on this processor, the operations outside int8 "
    "lose too much",
    "out of time": "the time was up; more --minutes may improve it",
}
"""How the search for layers that must stay exact in int8 ended."""


def say_published(published: Published) -> None:
    """Print what was assumed, and how to serve the model."""
    for sentence in published.sentences:
        print(sentence)
    manifest = published.bundle.manifest
    print(f"{manifest.name}: {published.summary}, in {published.bundle.folder}")
    if manifest.task == "classify":  # which is not served itself
        gate = {"model": manifest.name, "accepts": manifest.classes[:1]}
        print(
            f'Use it as a gate: in the model.json of another model, "gate": {json.dumps(gate)}, with the '
            "classes that suit that model"
        )
    else:
        print(f"Serve it:  MASKSERVE_MODELS={manifest.name} make run")


def say_exports(bundle: Bundle) -> None:
    """Print the loss of each precision."""
    for precision, made in bundle.manifest.exports.items():
        print(f"{precision}: {', '.join(_parts(made))}")
    print(f"in {bundle.folder}")


def _measure_of(made: Export) -> str:
    if made.agreement_lost is not None:
        return "agreement"
    return "AP50" if made.miou_lost is None else "mean IoU"


def _parts(made: Export) -> list[str]:
    parts = ["passed" if made.passed else "used only on request"]
    if made.lost is not None:
        measure = _measure_of(made)
        against = f" against the {made.against} of {made.pictures} pictures" if made.against else ""
        parts.append(f"loses {100 * made.lost:.2f} points of {measure}{against}")
    if made.exact_layers:
        parts.append(f"{made.exact_layers} layers exact")
    if made.control is not None:
        parts.append(ENDINGS[made.control])
    return parts
