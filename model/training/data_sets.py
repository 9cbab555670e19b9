"""Data sets: the labelled images that a run learns from, and those that it is measured on."""

from __future__ import annotations

import argparse
import dataclasses

from model.data import Annotated, DataError, Reading, check_data, open_data


def open_sets(arguments: argparse.Namespace) -> tuple[Annotated, Annotated]:
    """The data sets of --data and --validation, with the same classes; without the second, the first twice.

    Raises:
        DataError: a data set cannot be read, or their classes differ.
    """
    reading = Reading(exif=arguments.exif, class_attribute=arguments.class_attribute)
    data = open_data(arguments.data, reading)
    if not arguments.validation:
        return data, data
    watched = open_data(arguments.validation, dataclasses.replace(reading, classes=data.classes))
    if watched.classes != data.classes:
        raise DataError(
            f"--data has the classes {', '.join(data.classes[1:])}, but --validation has "
            f"{', '.join(watched.classes[1:])}: both must have the same classes in the same order"
        )
    return data, watched


def check_sets(data: Annotated, watched: Annotated) -> None:
    """Print what is wrong with the data sets. Raises DataError if they cannot be used."""
    check_data(data)
    if watched is not data:
        check_data(watched)


def named_in_run(arguments: argparse.Namespace) -> dict[str, str]:
    """The data sets, and how they are read, for run.json."""
    return {
        "data": str(arguments.data.resolve()),
        "validation": str(arguments.validation.resolve()) if arguments.validation else "",
        "exif": arguments.exif or "",
        "class_attribute": arguments.class_attribute or "",
    }
