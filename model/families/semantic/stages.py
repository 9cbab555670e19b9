"""Stages: a semantic model has one stage, the graph from a picture to the scores of its pixels."""

from __future__ import annotations

from model.engines.stages import StageSpec
from model.families.semantic.config import SemanticConfig
from model.families.semantic.fit import seen_at_most

STAGES = (StageSpec("trunk", inputs=1),)


def largest_picture(config: SemanticConfig) -> tuple[int, int, int, int]:
    """The shape (1, H, W, C) of the graph's largest input."""
    width, height = seen_at_most(config)
    return 1, height, width, config.channel_count
