"""Data sets for training and evaluation, read from a folder one image with its objects at a time."""

from __future__ import annotations

from model.data.annotated import Annotated
from model.data.checks import check_data, check_objects
from model.data.formats.class_maps import ClassMapFolder
from model.data.formats.coco import CocoFolder
from model.data.formats.label_maps import LabelMapFolder
from model.data.formats.labelme import LabelMeFolder
from model.data.formats.mask_files import MaskFilesFolder
from model.data.formats.via import ViaFolder
from model.data.opening import is_data, open_data, open_data_for
from model.data.pictures import PictureFolder
from model.data.reading import Reading
from model.data.sample import DataError, DataSet, Sample
from model.data.subset import Subset, evenly_spaced

__all__ = [
    "Annotated",
    "ClassMapFolder",
    "CocoFolder",
    "DataError",
    "DataSet",
    "LabelMapFolder",
    "LabelMeFolder",
    "MaskFilesFolder",
    "PictureFolder",
    "Reading",
    "Sample",
    "Subset",
    "ViaFolder",
    "check_data",
    "check_objects",
    "evenly_spaced",
    "is_data",
    "open_data",
    "open_data_for",
]
