"""A folder of images with label maps: images/ID.png, labels/ID.png and, optionally, kind.json."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model import masks, pictures
from model.data.files import listed, read_image, read_kinds, read_numbers
from model.data.sample import DataError, Sample, check_classes

DEFAULT_CLASS = "nucleus"


class LabelMapFolder:
    """Images of one class of objects, the objects numbered in a label map of the image's size.

    `images/ID.*` is any picture, `labels/ID.png` a grey PNG of 8 or 16 bits (0 background, 1…n objects;
    gaps are fine), `kind.json` maps an ID to the sort of image it is, `class.txt` says what the objects are.
    Samples come in the order of ID.
    """

    def __init__(self, path: str | Path) -> None:
        """Lists the folder; decodes nothing.

        Raises:
            DataError: there are no images, an image has no label map, class.txt is not one name, or
                kind.json is no JSON object.
        """
        self.path = Path(path)
        self.classes = ["background", _read_class(self.path / "class.txt")]
        self._images = listed(self.path / "images")
        self.ids = [image.stem for image in self._images]
        for image in self._images:
            if not self._label_path(image).is_file():
                raise DataError(f"images/{image.name} has no labels/{image.stem}.png in {self.path}")
        kind_by_id = read_kinds(self.path / "kind.json")
        self.kinds = [kind_by_id.get(id) for id in self.ids]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`.

        Raises:
            DataError: the image or its label map cannot be read, they differ in size, or the label map
                holds numbers that are none of 0…65535.
        """
        image_path = self._images[index]
        image = read_image(image_path)
        labels = read_numbers(self._label_path(image_path), "object", "objects")
        if labels.shape != image.shape[:2]:
            raise DataError(
                f"labels/{image_path.stem}.png is {labels.shape[1]} x {labels.shape[0]} pixels, "
                f"images/{image_path.name} is {image.shape[1]} x {image.shape[0]}: they must be the same"
            )
        boxes, instance_masks = masks.from_label_map(labels)
        return Sample(
            id=self.ids[index],
            image=image,
            boxes=boxes,
            class_ids=np.ones(len(boxes), np.int32),
            masks=instance_masks,
            kind=self.kinds[index],
        )

    def sizes_agree(self, index: int) -> bool:
        """Whether the image and its label map are of one size; raises as `pictures.read_size`."""
        image_path = self._images[index]
        return pictures.read_size(image_path) == pictures.read_size(self._label_path(image_path))

    def _label_path(self, image_path: Path) -> Path:
        return self.path / "labels" / f"{image_path.stem}.png"


def _read_class(path: Path) -> str:
    """The objects' class name."""
    if not path.is_file():
        return DEFAULT_CLASS
    try:
        names = path.read_text(encoding="utf-8").strip().splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}") from error
    if len(names) > 1:
        raise DataError(f"{path} has {len(names)} lines: a folder of label maps has one class, so one name")
    check_classes(names, f"the lines of {path}")
    return names[0]
