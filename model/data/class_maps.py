"""A folder of images with class maps: images/ID.*, masks/ID.png, optionally classes.txt and kind.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from model import pictures
from model.data.files import listed, read_image, read_kinds, read_numbers
from model.data.sample import DataError, Sample, check_classes
from model.tiles import Tile

ONLY_CLASS = "foreground"
"""The name of the class where nothing names it."""
WHITE = 255
HALF_WHITE = 128


class ClassMapFolder:
    """Images whose pixels have a class each.

    `images/ID.*` is any picture, `masks/ID.png` a grey PNG of 8 or 16 bits: 0 is background, any other
    number the line of `classes.txt` that names the class. With one class its pixels may be white (255) too,
    and grey ones along its edges belong to the nearer of both. A mask of another size than its image is
    scaled, each pixel that of the nearest. Samples come in the order of ID; each class that occurs is one
    object.

    Attributes:
        has_names: whether the classes' names are known, and not made up here.
    """

    def __init__(self, path: str | Path, classes: Sequence[str] | None = None) -> None:
        """Lists the folder; decodes nothing.

        Args:
            path: the folder.
            classes: class names, background first, where classes.txt is missing.

        Raises:
            DataError: there are no images, an image has no mask, classes.txt is not a list of names, or
                kind.json is no JSON object.
        """
        self.path = Path(path)
        names = _read_classes(self.path / "classes.txt") or list(classes or ())[1:]
        self.has_names = bool(names)
        self.classes = ["background", *(names or [ONLY_CLASS])]
        self._images = listed(self.path / "images")
        self.ids = [image.stem for image in self._images]
        for image in self._images:
            if not self._mask_path(image).is_file():
                raise DataError(f"images/{image.name} has no masks/{image.stem}.png in {self.path}")
        kind_by_id = read_kinds(self.path / "kind.json")
        self.kinds = [kind_by_id.get(id) for id in self.ids]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`.

        Raises:
            DataError: the image or its mask cannot be read, or the mask holds the number of no class.
        """
        image = read_image(self._images[index])
        mask_path = self._mask_path(self._images[index])
        class_map = self._class_map(read_numbers(mask_path, "class", "classes"), mask_path)
        if class_map.shape != image.shape[:2]:
            size = image.shape[1], image.shape[0]
            resized = cv2.resize(class_map, size, interpolation=cv2.INTER_NEAREST_EXACT)
            class_map = np.asarray(resized, np.uint16)
        boxes, class_ids, masks = [], [], []
        for class_id in range(1, len(self.classes)):
            mask = (class_map == class_id).view(np.uint8)
            x, y, width, height = cv2.boundingRect(mask)
            if not width:
                continue
            box = Tile(x, y, x + width, y + height)
            boxes.append((box.x1, box.y1, box.x2, box.y2))
            class_ids.append(class_id)
            masks.append(box.of(mask))
        return Sample(
            id=self.ids[index],
            image=image,
            boxes=np.array(boxes, np.int32).reshape(-1, 4),
            class_ids=np.array(class_ids, np.int32),
            masks=masks,
            kind=self.kinds[index],
        )

    def sizes_agree(self, index: int) -> bool:
        """True: a mask may be of another size; raises as `pictures.read_size` if one cannot be read."""
        for path in (self._images[index], self._mask_path(self._images[index])):
            pictures.read_size(path)
        return True

    def _mask_path(self, image_path: Path) -> Path:
        return self.path / "masks" / f"{image_path.stem}.png"

    def _class_map(self, numbers: npt.NDArray[np.uint16], path: Path) -> npt.NDArray[np.uint16]:
        highest, known = int(numbers.max()), len(self.classes) - 1
        if highest <= known:
            return numbers
        if known == 1 and highest == WHITE:
            return (numbers >= HALF_WHITE).astype(np.uint16)
        raise DataError(
            f"masks/{path.name} holds the class {highest}, of {known} that there are: name each class on a "
            f"line of its own in {self.path / 'classes.txt'}, that of 1 first"
        )


def _read_classes(path: Path) -> list[str]:
    if not path.is_file():
        return []
    try:
        names = path.read_text(encoding="utf-8").strip().splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}") from error
    check_classes(names, f"the lines of {path}")
    return names
