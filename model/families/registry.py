"""The registry: every family, a line each."""

from __future__ import annotations

from model.families.family import Family
from model.families.mask_rcnn.family import MaskRCNNFamily
from model.families.semantic.family import SemanticFamily

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        MaskRCNNFamily(),
        SemanticFamily(),
    )
}


def family_named(name: str) -> Family:
    """The family of that name. Raises ValueError, naming those there are, if there is none."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise ValueError(f"there is no family {name!r} of models; there are: {', '.join(FAMILIES)}") from None
