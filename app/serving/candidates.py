"""Candidates: the versions of a model to try at start, the newest first, fetched if they are in a bucket."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from model.catalog import choices, find, model_dir, split_name
from model.storage.manifest import BundleError, Manifest

if TYPE_CHECKING:
    from app.fetching.bucket_versions import FoundVersion

logger = logging.getLogger(__name__)

BUCKET = "gs://"
"""What the names of folders in buckets begin with."""


class Candidate(NamedTuple):
    """A version to try: its name, and the manifest of the one before it, if there is one that can be read."""

    name: str
    before: Manifest | None


def candidates_of(source: str) -> tuple[str, Iterator[Candidate]]:
    """The name of a model, and its versions to try, the newest first.

    A version in a bucket is fetched before it is tried.
    """
    if source.startswith(BUCKET):
        return _fetched(source)
    versions = choices(source) if "@" not in source else []
    if len(versions) < 2:
        return source, iter([Candidate(source, None)])
    names = [f"{source}@{version}" for version in versions]
    return source, (
        Candidate(name, _manifest_or_none(before))
        for name, before in zip(names, [*names[1:], None], strict=True)
    )


def _manifest_or_none(name: str | None) -> Manifest | None:
    if name is None:
        return None
    try:
        return find(name).manifest
    except BundleError:
        return None


def _fetched(source: str) -> tuple[str, Iterator[Candidate]]:
    """As `candidates_of`, for a folder in a bucket."""
    from app.fetching.gcs import NoBundle, fetch_bundle  # only if needed

    try:
        name = fetch_bundle(source, model_dir())
    except NoBundle:
        from app.fetching.bucket_versions import list_versions

        versions = list_versions(source)
        if not versions:
            raise
    else:
        return name, iter([Candidate(name, None)])
    candidates = _fetched_versions(source, versions)
    first = next(candidates)
    return split_name(first.name)[0], chain([first], candidates)


def _fetched_versions(source: str, versions: Sequence[FoundVersion]) -> Iterator[Candidate]:
    from app.fetching.bucket_versions import fetch_version, read_manifest

    failure: Exception | None = None
    for version, before in zip(versions, [*versions[1:], None], strict=True):
        try:
            full_name = fetch_version(source, version, model_dir())
        except BundleError as error:
            logger.error("version %s in %s cannot be fetched: %s", version.version, source, error)
            failure = error
        else:
            failure = None
            yield Candidate(full_name, None if before is None else read_manifest(source, before))
    if failure is not None:  # none was left that could be tried
        raise failure
