"""Label Studio: its JSON export, and the pictures that it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model.data.findings import Finding, counted
from model.data.formats.data_format import DataFormat
from model.data.formats.label_studio_json import Task, is_label_studio, tasks_in
from model.data.formats.place import Place
from model.data.gathering import gathering
from model.data.labelled import LabelledPicture, LabelledShapes
from model.data.locating import located
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.sources import PictureFile


class LabelStudioFolder(LabelledShapes):
    """Pictures with regions of Label Studio: polygons, rectangles, ellipses and brush strokes.

    Of several annotations of a picture, the ground truth is read, else the first one. Tasks without an
    annotation are ignored, as not annotated yet; pictures whose annotation has no region have no object.
    """

    format_name = "Label Studio"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Reads the JSON and checks it; decodes no picture.

        Args:
            place: the JSON, or a folder with exactly one next to the pictures or their folder images/.
            reading: the order of the classes, and how to read photos.

        Raises:
            DataError: there is more than one JSON, a region is invalid, or pictures are missing.
        """
        place = Place.at(place)
        json_path = place.the_one(place.of_kind(is_label_studio), "Label Studio")
        with gathering(self) as problems:
            tasks = tasks_in(place.document(json_path), json_path, problems)
            annotated = [task for task in tasks if task.regions is not None]
            if not annotated:
                raise DataError(
                    f"{json_path} has no annotation in any of its {len(tasks)} tasks: annotate and submit "
                    "some first"
                )
            root = json_path.parent
            near = [root, root / "images", root.parent / "images", root.parent]
            paths = located([task.picture for task in annotated], near, json_path.name, problems)
            super().__init__(
                place.path,
                [
                    LabelledPicture(task.id, PictureFile(paths[task.picture]), task.size, task.regions or ())
                    for task in annotated
                    if task.picture in paths
                ],
                reading,
                folder=root,
                described_in=json_path.name,
                notes=_about_tasks(tasks),
            )


def _about_tasks(tasks: Sequence[Task]) -> list[Finding]:
    return [
        *counted(
            [f"task {task.id}" for task in tasks if task.regions is None],
            "task has no annotation and is ignored, as not annotated yet",
            "tasks have no annotation and are ignored, as not annotated yet",
        ),
        *counted(
            [f"task {task.id}" for task in tasks if task.others],
            "task has several annotations: the ground truth is read, else the first one",
            "tasks have several annotations: the ground truth is read, else the first one",
        ),
    ]


FORMAT = DataFormat(
    LabelStudioFolder.format_name,
    "a JSON export of Label Studio next to the images",
    lambda place: bool(place.of_kind(is_label_studio)),
    LabelStudioFolder,
)
