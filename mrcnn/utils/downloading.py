"""Downloading of the weights that Matterport trained on COCO."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from model.publishing.fetching import download
from model.publishing.published import PUBLISHED

COCO_MODEL_URL = PUBLISHED["coco"].url


def download_trained_weights(coco_model_path: str | os.PathLike[str], verbose: int = 1) -> None:
    """Download the weights to this path; an interrupted download resumes.

    Raises:
        FetchError: there is no network or no space, or the file is another one than expected.
    """
    place = Path(coco_model_path)
    published = dataclasses.replace(PUBLISHED["coco"], url=COCO_MODEL_URL)
    if verbose > 0:
        print(f"Downloading {COCO_MODEL_URL} ({published.size / 1e6:.0f} MB) to {place} ...")
    part = place.with_name(f"{place.name}.part")
    if not part.exists() or part.stat().st_size != published.size:
        download(published, part)
    part.replace(place)
    if verbose > 0:
        print("... done")
