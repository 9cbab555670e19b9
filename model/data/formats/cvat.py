"""CVAT for images 1.1: an annotations.xml and the images that it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from model.data.findings import Finding
from model.data.formats.cvat_xml import CvatImage, read_cvat
from model.data.formats.data_format import DataFormat
from model.data.formats.looking import with_texts
from model.data.formats.place import Place
from model.data.gathering import gathering
from model.data.labelled import LabelledPicture, LabelledShapes
from model.data.locating import located
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.sources import PictureFile

XMLS = ("annotations.xml", "*.xml", "annotations/*.xml")


class CvatFolder(LabelledShapes):
    """Images with shapes of CVAT: polygons, rectangles, ellipses and masks.

    Shapes of one label and group are parts of one object. Points, polylines, cuboids and skeletons have no
    area and are left out. Classes are in the order of the labels in the XML.
    """

    format_name = "CVAT"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Reads the XML and checks it; decodes no image.

        Args:
            place: the XML, or a folder with exactly one, next to the images or their folder images/.
            reading: the order of the classes, and how to read photos that fit their shapes in both
                orientations.

        Raises:
            DataError: there is more than one XML, it is not CVAT's for images, a shape is invalid, or images
                are missing.
        """
        place = Place.at(place)
        xml_path = _the_xml(place)
        root = xml_path.parent
        near = [root, root / "images", root.parent / "images", root.parent]
        with gathering(self) as problems:
            labels, images = read_cvat(xml_path, problems)
            paths = located([image.name for image in images], near, xml_path.name, problems)
            super().__init__(
                place.path,
                [
                    LabelledPicture(image.name, PictureFile(paths[image.name]), image.size, image.shapes)
                    for image in images
                    if image.name in paths
                ],
                reading,
                folder=root,
                described_in=xml_path.name,
                listed=labels,
                notes=_about_subsets(images),
            )


def _xmls(place: Place) -> list[Path]:
    return list(dict.fromkeys(with_texts(place, "<annotations", "<version>", among=XMLS)))


def _the_xml(place: Place) -> Path:
    xmls = _xmls(place)
    if len(xmls) == 1:
        return xmls[0]
    if not xmls:
        raise DataError(f"{place.path} has no XML of CVAT")
    names = ", ".join(str(path.relative_to(place.path)) for path in xmls)
    raise DataError(f"{place.path} has {len(xmls)} XMLs of CVAT: name one of {names}")


def _about_subsets(images: Sequence[CvatImage]) -> list[Finding]:
    counts = Counter(image.subset for image in images if image.subset)
    if len(counts) < 2:
        return []
    told = ", ".join(f"{subset} ({count})" for subset, count in counts.items())
    return [
        Finding(
            f"the XML has several subsets, which are read as one data set: {told}",
            advice="To train with one and validate with another, export the task of each subset by itself",
        )
    ]


FORMAT = DataFormat(
    CvatFolder.format_name,
    "an annotations.xml of CVAT for images next to the images",
    lambda place: bool(_xmls(place)),
    CvatFolder,
)
