"""Stages: a classifier has one stage, the graph from a picture to the probabilities of the classes."""

from __future__ import annotations

from model.engines.stages import StageSpec

STAGES = (StageSpec("trunk", inputs=1),)
