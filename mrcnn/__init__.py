"""Matterport's module and function names over `model`, so that code written for its Mask R-CNN runs again."""
