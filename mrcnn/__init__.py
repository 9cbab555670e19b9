"""Matterport's module and function names over `model`, so that code written for its Mask R-CNN runs again."""

from mrcnn.other_copies import warn_of_another

warn_of_another("mrcnn", __file__, "Uninstall it or remove it from the path, unless you want to compare.")
