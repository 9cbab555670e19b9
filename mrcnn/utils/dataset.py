"""Dataset: the images of a data set and their classes, for subclasses that know how to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from model.pictures import read, read_header, turned_back


class Dataset:
    """Call `add_class` and `add_image`, then `prepare`; override `load_mask` and `image_reference`.

    Attributes:
        image_info: for each image a dict with "id", "source", "path" and whatever `add_image` was given.
        class_info: for each class, the background first, a dict with "source", "id" and "name".
        num_classes, class_ids, class_names: the classes; since `prepare`.
        num_images, image_ids: the images; since `prepare`.
        sources: the sources of the classes; since `prepare`.
        source_class_ids: for each source the ids of its classes and the background's; since `prepare`.
        class_from_source_map, image_from_source_map: from "source.id" to our id; since `prepare`.
    """

    def __init__(self, class_map: None = None) -> None:
        _refuse_class_map(class_map)
        self._image_ids: npt.NDArray[np.int_] = np.arange(0)
        self.image_info: list[dict[str, Any]] = []
        self.class_info: list[dict[str, Any]] = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids: dict[str, list[int]] = {}

    def add_class(self, source: str, class_id: int, class_name: str) -> None:
        """Add a class, unless the source has one with that id already.

        Raises:
            ValueError: the source has a dot, which separates it from the id elsewhere.
        """
        if "." in source:
            raise ValueError(f"source {source!r}: the name of a source cannot contain a dot")
        if not any((known["source"], known["id"]) == (source, class_id) for known in self.class_info):
            self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source: str, image_id: Any, path: Any, **kwargs: Any) -> None:
        """Add an image; further arguments are kept in its entry of `image_info`."""
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def append_data(self, class_info: Any, image_info: Any) -> NoReturn:
        """Raise NotImplementedError: it fails in the library too, which fills no entry that it reads."""
        raise NotImplementedError(
            "append_data works in no version of the library: use add_class and add_image"
        )

    def image_reference(self, image_id: int) -> str:
        """Where to look an image up, such as a link or a description; empty unless overridden."""
        return ""

    def prepare(self, class_map: None = None) -> None:
        """Compute what depends on all classes and images; call it again after adding more."""
        _refuse_class_map(class_map)
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [str(info["name"]).split(",")[0] for info in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = _numbered(self.class_info)
        self.image_from_source_map = _numbered(self.image_info)
        self.sources = list(dict.fromkeys(info["source"] for info in self.class_info))
        self.source_class_ids = {
            source: [i for i, info in enumerate(self.class_info) if i == 0 or info["source"] == source]
            for source in self.sources
        }

    def map_source_class_id(self, source_class_id: str) -> int:
        """Our id of a class such as "coco.12"."""
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id: int, source: str) -> Any:
        """The id that a class has in its source.

        Raises:
            ValueError: the class is of another source.
        """
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(f"class {class_id}, {info['name']}, is of {info['source']!r}, not of {source!r}")
        return info["id"]

    @property
    def image_ids(self) -> npt.NDArray[np.int_]:
        return self._image_ids

    def source_image_link(self, image_id: int) -> str:
        """The path of an image; override it where images have an address."""
        return str(self.image_info[image_id]["path"])

    def load_image(self, image_id: int) -> npt.NDArray[np.uint8]:
        """uint8 (H, W, 3): an image as RGB, from a file of any format that `model.pictures` reads.

        A photo stays as it is stored, whatever its EXIF orientation, as in the library: masks are often drawn
        on it so. Deeper images become 8-bit.

        Raises:
            ValueError: the file is not an image, or is damaged.
        """
        path = Path(self.image_info[image_id]["path"])
        with path.open("rb") as file:
            orientation = read_header(file).orientation
        return turned_back(read(path), orientation)

    def load_mask(self, image_id: int) -> tuple[npt.NDArray, npt.NDArray[np.int32]]:
        """Bool (H, W, N): a mask an object; and int32 (N,): their class ids. No objects unless overridden."""
        return np.empty((0, 0, 0)), np.empty(0, np.int32)


def _numbered(infos: list[dict[str, Any]]) -> dict[str, int]:
    return {f"{info['source']}.{info['id']}": number for number, info in enumerate(infos)}


def _refuse_class_map(class_map: object) -> None:
    if class_map is not None:
        raise NotImplementedError(
            "class_map has no effect in the library: set the ids of classes with add_class and in load_mask"
        )
