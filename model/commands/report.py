"""What commands say of a model that they have made."""

from __future__ import annotations

from model.publishing.publish import Published
from model.storage.manifest import Bundle, Export

ENDINGS = {
    "off": "without accuracy control",
    "stopped": "stopped before layers that must stay exact were found",
    "out of reach": "even with every layer exact: on this processor, what is not int8 loses too much",
    "out of time": "the time was up: more --minutes may find better",
}
"""Why no more layers were looked for that must stay exact in int8."""


def say_published(published: Published) -> None:
    """What was assumed, and how to serve the model."""
    for sentence in published.sentences:
        print(sentence)
    name = published.bundle.manifest.name
    print(f"{name}: {published.summary}, in {published.bundle.folder}")
    print(f"Serve it:  MASKSERVE_MODELS={name} make run")


def say_exports(bundle: Bundle) -> None:
    """What each precision loses."""
    for precision, made in bundle.manifest.exports.items():
        print(f"{precision}: {', '.join(_parts(made))}")
    print(f"in {bundle.folder}")


def _parts(made: Export) -> list[str]:
    parts = ["passed" if made.passed else "used only where asked for"]
    if made.lost is not None:
        measure = "AP50" if made.miou_lost is None else "mean IoU"
        against = f" against the {made.against} of {made.pictures} pictures" if made.against else ""
        parts.append(f"loses {100 * made.lost:.2f} points of {measure}{against}")
    if made.exact_layers:
        parts.append(f"{made.exact_layers} layers exact")
    if made.control is not None:
        parts.append(ENDINGS[made.control])
    return parts
