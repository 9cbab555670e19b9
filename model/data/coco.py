"""A COCO data set: an instances JSON and the images that it names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from model import pictures
from model.data.coco_json import read_coco, to_rle
from model.data.sample import DataError, Sample, check_classes


class CocoFolder:
    """Images with COCO annotations: polygons, run lengths as a list, or compressed run lengths.

    Category ids become 1…K in their order, so COCO's own 80, numbered with gaps up to 90, become 1…80.
    Annotations that cover no pixel are dropped; crowds are kept apart from the objects.
    """

    def __init__(self, path: str | Path) -> None:
        """Reads the JSON and checks it; decodes no image and no mask.

        Args:
            path: the instances JSON, or a folder with exactly one, in annotations/ or at its top.

        Raises:
            DataError: no JSON or several, a JSON that is not COCO's, categories without a name of their
                own, annotations without a mask, or images that are missing.
        """
        self.json_path = _the_instances_file(Path(path))
        coco = read_coco(self.json_path)
        categories = sorted(coco["categories"], key=lambda category: category["id"])
        names = [category["name"] for category in categories]
        check_classes(names, f"the categories of {self.json_path.name}")
        self.classes = ["background", *names]
        self._class_id_by_category = {category["id"]: i for i, category in enumerate(categories, start=1)}
        self._images = coco["images"]
        self._annotations: dict[object, list[dict[str, Any]]] = defaultdict(list)
        for annotation in coco["annotations"]:
            self._annotations[annotation["image_id"]].append(annotation)
        self.image_folder = _image_folder(self.json_path, [image["file_name"] for image in self._images])
        self.ids = [str(image["id"]) for image in self._images]
        self.kinds: list[str | None] = [None] * len(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`.

        Raises:
            DataError: the image cannot be read, or it or a mask has another size than the JSON says.
        """
        entry = self._images[index]
        annotations = self._annotations[entry["id"]]
        objects = [annotation for annotation in annotations if not annotation.get("iscrowd")]
        crowds = [annotation for annotation in annotations if annotation.get("iscrowd")]
        boxes, class_ids, masks = self._decode(objects, entry)
        crowd_boxes, crowd_class_ids, crowd_masks = self._decode(crowds, entry)
        return Sample(
            id=self.ids[index],
            image=self._read_image(entry),
            boxes=boxes,
            class_ids=class_ids,
            masks=masks,
            crowd_boxes=crowd_boxes,
            crowd_class_ids=crowd_class_ids,
            crowd_masks=crowd_masks,
        )

    def sizes_agree(self, index: int) -> bool:
        """Whether the image has the size that the JSON says; raises as `pictures.read_size`."""
        entry = self._images[index]
        size = pictures.read_size(self.image_folder / entry["file_name"])
        return size == (entry["width"], entry["height"])

    def _decode(
        self, annotations: Sequence[dict[str, Any]], entry: dict[str, Any]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], list[npt.NDArray[np.uint8]]]:
        """Boxes int32 (N, 4), class ids int32 (N,) and N box-local masks, those without a pixel dropped."""
        boxes, class_ids, masks = [], [], []
        for annotation in annotations:
            try:
                rle = to_rle(annotation["segmentation"], entry["height"], entry["width"])
            except DataError as error:
                raise DataError(f"{self.json_path.name}: annotation {annotation['id']} {error}") from error
            if rle is None or coco_mask.area(rle) == 0:
                continue
            x, y, width, height = coco_mask.toBbox(rle).astype(int)
            boxes.append((x, y, x + width, y + height))
            class_ids.append(self._class_id_by_category[annotation["category_id"]])
            # A copy, so that the crop does not keep the whole image's mask in memory.
            masks.append(coco_mask.decode(rle)[y : y + height, x : x + width].copy(order="C"))
        return np.array(boxes, np.int32).reshape(-1, 4), np.array(class_ids, np.int32), masks

    def _read_image(self, entry: dict[str, Any]) -> npt.NDArray[np.uint8]:
        name = entry["file_name"]
        try:
            image = pictures.read(self.image_folder / name)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.image_folder.name}/{name} cannot be read: {error}") from error
        if image.shape[:2] != (entry["height"], entry["width"]):
            raise DataError(
                f"{self.image_folder.name}/{name} is {image.shape[1]} x {image.shape[0]} pixels, "
                f"but {self.json_path.name} says {entry['width']} x {entry['height']}"
            )
        return image


def instances_files(folder: Path) -> list[Path]:
    """The JSONs of `folder` that may hold instances: in annotations/ by COCO's naming, else at its top."""
    return sorted(folder.glob("annotations/instances*.json")) or sorted(folder.glob("*.json"))


def _the_instances_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = instances_files(path)
    if len(files) == 1:
        return files[0]
    if not files:
        raise DataError(f"{path} holds no COCO JSON, in annotations/instances*.json or beside the images")
    names = ", ".join(str(file.relative_to(path)) for file in files)
    raise DataError(f"{path} holds {len(files)} COCO JSONs: name one of {names}")


def _image_folder(json_path: Path, file_names: list[str]) -> Path:
    """The first of the customary folders that holds the first image; all the others must be there too."""
    split = json_path.stem.removeprefix("instances_")
    root = json_path.parent.parent if json_path.parent.name == "annotations" else json_path.parent
    customary = [root / split, root / "images" / split, root / "images", root]
    folder = next((folder for folder in customary if (folder / file_names[0]).is_file()), None)
    if folder is None:
        looked = ", ".join(str(folder) for folder in customary)
        raise DataError(f"{json_path.name} lists {file_names[0]}, which is in none of {looked}")
    missing = [name for name in file_names if not (folder / name).is_file()]
    if missing:
        count = f"{len(missing)} of {len(file_names)}"
        raise DataError(f"{folder} lacks {count} images of {json_path.name}, the first {missing[0]}")
    return folder
