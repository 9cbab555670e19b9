"""Reads foreign models as OpenVINO graphs, all with the same input and output, and facts about them."""
