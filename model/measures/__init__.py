"""Measures: the shape and the intensity of each segment, by scikit-image's definitions and names."""

from model.measures.measuring import measure
from model.measures.names import GROUPS, Group, Measures, heading

__all__ = ["GROUPS", "Group", "Measures", "heading", "measure"]
