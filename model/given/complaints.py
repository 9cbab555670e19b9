"""Complaints: what is wrong with given objects, as their callers are told."""

from __future__ import annotations


class UnusableObjects(ValueError):
    """The objects are not as an answer has them; the message says which one and what is wrong with it."""


class TooManyObjects(ValueError):
    """The objects are more, or take more memory or time, than the limits allow."""
