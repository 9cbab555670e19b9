"""The registry: every family, one line each."""

from __future__ import annotations

from model.families.classifier.family import ClassifierFamily
from model.families.family import Family, Training
from model.families.mask_rcnn.family import MaskRCNNFamily
from model.families.semantic.family import SemanticFamily

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        MaskRCNNFamily(),
        SemanticFamily(),
        ClassifierFamily(),
    )
}


def family_named(name: str) -> Family:
    """The family of that name. Raises ValueError, which lists the known names, if there is none."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise ValueError(f"there is no model family {name!r}; there are: {', '.join(FAMILIES)}") from None


def trainings() -> dict[str, Training]:
    """Task → training of its family, if that can be trained."""
    return {family.task: family.training for family in FAMILIES.values() if family.training is not None}
