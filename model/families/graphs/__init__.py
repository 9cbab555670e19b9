"""Reads foreign models as OpenVINO graphs, and facts about them, for each family that can run such graphs."""
