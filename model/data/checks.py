"""Checks of a whole data set, which find problems before a long run starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from tqdm import tqdm

from model.data.annotated import Annotated
from model.data.findings import Finding, counted, say
from model.data.formats.label_maps import LabelMapFolder
from model.data.sample import DataError
from model.results.masks import Mask

SAMPLES_LOOKED_AT = 50


def check_data(data: Annotated) -> None:
    """Report problems of a data set on standard error: sizes, EXIF orientation, labels that are left out.

    Reads the headers of all pictures, about 0.2 ms each, and all labels.

    Raises:
        DataError: pictures or labels cannot be read or do not fit each other; the message names them.
    """
    say(data.findings(), data.path)


def check_objects(data: Annotated, most_objects: int | None = None) -> None:
    """Check that an instance segmentation model can learn from the data, and report what it will not learn.

    Args:
        data: has passed `check_data`.
        most_objects: the most objects of a picture that training uses, a network's max_gt_instances.

    Raises:
        DataError: there is no object; or the data are class maps, or masks of 0 and 255, in which all
            objects of a picture would be learned as one.
    """
    say(object_findings(data, objects_in(data), most_objects), data.path)


def objects_in(data: Annotated) -> list[list[int]]:
    """The class of each object, picture by picture; none for a picture whose labels cannot be read."""
    objects = []
    for index in tqdm(range(len(data)), desc="objects", unit="image", delay=3, leave=False):
        try:
            objects.append(data.class_ids(index))
        except DataError:  # reported by `check_data`
            objects.append([])
    return objects


def object_findings(
    data: Annotated, objects: list[list[int]], most_objects: int | None = None
) -> Iterator[Finding]:
    """The findings that `check_objects` reports; `objects` is the result of `objects_in`."""
    if not data.has_objects:
        yield Finding(
            f"{data.path} is {data.format_name} without objects: class maps do not tell objects of a class "
            "apart. Put label maps, in which each object has its own number, into labels/",
            refused=True,
        )
        return
    if not any(objects):
        yield Finding(
            f"none of the {len(data)} images has an object: label objects, or name other data", refused=True
        )
        return
    if isinstance(data, LabelMapFolder) and _have_one_number(data):
        yield Finding(
            f"in {data.path / 'labels'} all objects of a picture have the same number, as in a mask of 0 and "
            "255: number them 1, 2, 3, …, for example with scipy.ndimage.label(mask)[0] or "
            "skimage.measure.label(mask), and save the result as a 16-bit PNG",
            refused=True,
        )
        return
    yield from lacking_classes(data, objects)
    if most_objects is not None:
        yield from _crowded(data, [len(picture) for picture in objects], most_objects)


def lacking_classes(data: Annotated, objects: list[list[int]]) -> list[Finding]:
    """A finding about classes without an object; `objects` is the result of `objects_in`."""
    there = {class_id for picture in objects for class_id in picture}
    lacking = [name for class_id, name in enumerate(data.classes) if class_id and class_id not in there]
    return counted(lacking, "class has no object", "classes have no object")


def rotated(data: Annotated) -> list[Finding]:
    """A finding about photos that are read with their EXIF orientation applied, as they were annotated."""
    upright = []
    for index, source in enumerate(data.sources):
        try:
            header = data.header(index)
            if header.orientation != 1 and data.size(index) == header.upright:
                upright.append(source.name)
        except (OSError, ValueError):  # found with the pictures
            continue
    return counted(
        upright,
        "photo is stored rotated or mirrored; its EXIF orientation is applied",
        "photos are stored rotated or mirrored; their EXIF orientation is applied",
    )


def _crowded(data: Annotated, counts: list[int], most_objects: int) -> list[Finding]:
    """Pictures with more objects than training uses."""
    names = [source.name for source in data.sources]
    crowded = [name for name, count in zip(names, counts, strict=True) if count > most_objects]
    objects = f"more than {most_objects:,} objects, up to {max(counts, default=0):,}"
    return counted(
        crowded,
        f"picture has {objects}",
        f"pictures have {objects}",
        advice="A training step uses no more objects of a picture; the rest, chosen at random, count as "
        "background. Raise max_gt_instances in the config of a recipe (--config)",
    )


def _have_one_number(data: LabelMapFolder) -> bool:
    """Whether each of a sample of the pictures has only one number, whose pixels are not connected."""
    spread = np.linspace(0, len(data) - 1, min(SAMPLES_LOOKED_AT, len(data))).round()
    labelled = [masks for index in spread if (masks := _masks_at(data, int(index)))]
    return bool(labelled) and all(len(masks) == 1 and _pieces_of(masks[0]) > 1 for masks in labelled)


def _masks_at(data: LabelMapFolder, index: int) -> Sequence[Mask]:
    try:
        return data.objects(index)[1]
    except DataError:  # reported by `check_data`
        return ()


def _pieces_of(mask: cv2.typing.MatLike) -> int:
    """The number of connected parts of the mask; parts that touch at a corner are connected."""
    count, _ = cv2.connectedComponents(mask, connectivity=8)
    return count - 1  # without the background
