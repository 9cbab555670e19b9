"""Mask R-CNN with Matterport's names, `Config` and `MaskRCNN`, for code written for that library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.families.mask_rcnn.config import Config

if TYPE_CHECKING:
    from model.families.mask_rcnn.network import MaskRCNN

__all__ = ["Config", "MaskRCNN"]


def __getattr__(name: str) -> Any:
    """Import the network on first use, so that serving from compiled stages does not need Keras."""
    if name == "MaskRCNN":
        from model.families.mask_rcnn.network import MaskRCNN

        return MaskRCNN
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
