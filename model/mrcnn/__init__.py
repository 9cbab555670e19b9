"""Mask R-CNN (He et al. 2017, arXiv:1703.06870) in three stages, with Matterport's names and arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.mrcnn.config import Config

if TYPE_CHECKING:
    from model.mrcnn.network import MaskRCNN

__all__ = ["Config", "MaskRCNN"]


def __getattr__(name: str) -> Any:
    """Import the network on first use, so that serving from compiled stages needs no Keras."""
    if name == "MaskRCNN":
        from model.mrcnn.network import MaskRCNN

        return MaskRCNN
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
