"""Downloading of the weights that Matterport trained on COCO."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from model.publishing.fetching import FetchError, download
from model.publishing.published import PUBLISHED

COCO_MODEL_URL, SIZE_BYTES = PUBLISHED["coco"].url, PUBLISHED["coco"].size


def download_trained_weights(coco_model_path: str | os.PathLike[str], verbose: int = 1) -> None:
    """Download the weights to this path; an interrupted download resumes.

    Raises:
        FetchError: there is no network or no space, or the file is another one than expected.
    """
    place = Path(coco_model_path)
    published = dataclasses.replace(PUBLISHED["coco"], url=COCO_MODEL_URL, size=SIZE_BYTES)
    if verbose > 0:
        print(f"Downloading {COCO_MODEL_URL} ({SIZE_BYTES / 1e6:.0f} MB) to {place} ...")
    part = place.with_name(f"{place.name}.part")
    if not part.exists() or part.stat().st_size != SIZE_BYTES:
        try:
            download(published, part)
        except FetchError as error:
            raise FetchError(f"{error}, or copy it to {place}") from None
    part.replace(place)
    if verbose > 0:
        print("... done")
