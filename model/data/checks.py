"""What is wrong with a data set as a whole, found before hours are spent on it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from tqdm import tqdm

from model.data.annotated import Annotated
from model.data.findings import Finding, counted, say
from model.data.formats.class_maps import ClassMapFolder
from model.data.formats.label_maps import LabelMapFolder
from model.data.sample import DataError

SAMPLES_LOOKED_AT = 50


def check_data(data: Annotated) -> None:
    """Say, on standard error, what is odd about a data set: sizes, EXIF orientation, what is left out.

    Looks at the headers of all pictures, some 0.2 ms each, and at all labels.

    Raises:
        DataError: pictures or labels cannot be read or do not fit each other; names them.
    """
    say(data.findings(), data.path)


def check_objects(data: Annotated, most_objects: int | None = None) -> None:
    """See to it that a model of objects can learn from the data, and say what it will not learn.

    Args:
        data: has passed `check_data`.
        most_objects: of a picture that are learned, a network's max_gt_instances.

    Raises:
        DataError: there is no object; or they are class maps, or masks of 0 and 255, in which a picture's
            objects would all be learned as one.
    """
    say(object_findings(data, objects_in(data), most_objects), data.path)


def objects_in(data: Annotated) -> list[list[int]]:
    """The class of each object, picture by picture; none where labels cannot be read."""
    objects = []
    for index in tqdm(range(len(data)), desc="objects", unit="image", delay=3, leave=False):
        try:
            objects.append(data.class_ids(index))
        except DataError:  # said by `check_data`
            objects.append([])
    return objects


def object_findings(
    data: Annotated, objects: list[list[int]], most_objects: int | None = None
) -> Iterator[Finding]:
    """What `check_objects` says, of what `objects_in` the data."""
    if isinstance(data, ClassMapFolder):
        yield Finding(
            f"{data.path / 'masks'} says of each pixel what it is, not which object it belongs to: put label "
            "maps, in which objects have numbers of their own, into labels/",
            refused=True,
        )
        return
    if not any(objects):
        yield Finding(
            f"none of {len(data)} images holds an object: label them, or name other data", refused=True
        )
        return
    if isinstance(data, LabelMapFolder) and _have_one_number(data):
        yield Finding(
            f"in {data.path / 'labels'} all objects of a picture have one number, as in a mask of 0 and 255: "
            "number them 1, 2, 3, …, for example with scipy.ndimage.label(mask)[0] or "
            "skimage.measure.label(mask), and save that as a 16-bit PNG",
            refused=True,
        )
        return
    there = {class_id for picture in objects for class_id in picture}
    lacking = [name for class_id, name in enumerate(data.classes) if class_id and class_id not in there]
    yield from counted(lacking, "class has no object", "classes have no object")
    if most_objects is not None:
        yield from _crowded(data, [len(picture) for picture in objects], most_objects)


def _crowded(data: Annotated, counts: list[int], most_objects: int) -> list[Finding]:
    """Pictures with more objects than are learned."""
    names = [source.name for source in data.sources]
    crowded = [name for name, count in zip(names, counts, strict=True) if count > most_objects]
    objects = f"more than {most_objects:,} objects, up to {max(counts, default=0):,}"
    return counted(
        crowded,
        f"picture holds {objects}",
        f"pictures hold {objects}",
        advice="No more are learned of what a training step shows of a picture: the others, chosen by "
        "chance, count as background. Raise max_gt_instances in the config of a --recipe",
    )


def _have_one_number(data: LabelMapFolder) -> bool:
    """Whether, in a sample of the pictures, each has one number only, and in pieces."""
    spread = np.linspace(0, len(data) - 1, min(SAMPLES_LOOKED_AT, len(data))).round()
    labelled = [masks for index in spread if (masks := data.objects(int(index))[1])]
    return bool(labelled) and all(len(masks) == 1 and _pieces_of(masks[0]) > 1 for masks in labelled)


def _pieces_of(mask: cv2.typing.MatLike) -> int:
    """How many pieces the mask falls into that do not even touch at a corner."""
    count, _ = cv2.connectedComponents(mask, connectivity=8)
    return count - 1  # the background is one
