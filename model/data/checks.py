"""What is wrong with a data set as a whole, found before hours are spent on it."""

from __future__ import annotations

import cv2

from model.data.class_maps import ClassMapFolder
from model.data.coco import CocoFolder
from model.data.folder import LabelMapFolder
from model.data.sample import DataError, DataSet
from model.data.subset import evenly_spaced
from model.pictures import PictureError

SAMPLES_LOOKED_AT = 50


def check_sizes(data: LabelMapFolder | ClassMapFolder | CocoFolder) -> None:
    """See to it that every image has the size of its labels, by the headers of the files alone.

    Some 0.2 ms an image.

    Raises:
        DataError: names the first image that cannot be read or differs in size.
    """
    for index in range(len(data)):
        try:
            agree = data.sizes_agree(index)
        except (OSError, PictureError):
            agree = False
        if not agree:
            data[index]  # raises, saying why; if not, the header told less than the pixels


def check_objects(data: DataSet) -> None:
    """See to it that there is something to learn from; looks at 50 samples, spread over the data.

    Raises:
        DataError: none holds an object; or they are class maps, or masks of 0 and 255, in which a picture's
            objects would all be learned as one.
    """
    if isinstance(data, ClassMapFolder):
        raise DataError(
            f"{data.path / 'masks'} says of each pixel what it is, not which object it belongs to: put label "
            "maps, in which objects have numbers of their own, into labels/"
        )
    samples = evenly_spaced(data, SAMPLES_LOOKED_AT)
    labelled = [sample for index in range(len(samples)) if len(sample := samples[index])]
    if not labelled:
        raise DataError(
            f"none of {len(samples)} images looked at holds an object: label them, or name other data"
        )
    if isinstance(data, LabelMapFolder) and all(
        len(sample) == 1 and _pieces_of(sample.masks[0]) > 1 for sample in labelled
    ):
        raise DataError(
            f"in {data.path / 'labels'} all objects of a picture have one number, as in a mask of 0 and 255: "
            "number them 1, 2, 3, …, for example with scipy.ndimage.label(mask)[0] or "
            "skimage.measure.label(mask), and save that as a 16-bit PNG"
        )


def _pieces_of(mask: cv2.typing.MatLike) -> int:
    """How many pieces the mask falls into that do not even touch at a corner."""
    count, _ = cv2.connectedComponents(mask, connectivity=8)
    return count - 1  # the background is one
