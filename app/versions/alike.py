"""Alike: whether a version of a model can take the place of another without breaking its clients."""

from __future__ import annotations

from model.storage.manifest import BundleError, Manifest


def check_alike(new: Manifest, old: Manifest) -> None:
    """Raise BundleError unless a new version has the task and the classes of an old one."""
    for what, before, after in (
        ("task", [old.task], [new.task]),
        ("classes", old.classes, new.classes),
    ):
        if before != after:
            raise BundleError(
                f"the {what} of {new.full_name} ({', '.join(after)}) differ from those of {old.full_name}"
                f" ({', '.join(before)}): clients rely on them, so give the model another name"
            )
