"""Recognition: the kind of model that a path holds, by its content and not only by its name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

from model.families.graphs.source import GraphError
from model.families.mistaken_files import mistaken_for_a_model

Kind = Literal["onnx", "keras", "hdf5", "saved_model", "tflite", "openvino", "bioimage"]

READABLE = (
    ".onnx, .keras, a whole Keras model as .h5, .tflite, OpenVINO .xml with its .bin, a SavedModel folder "
    "or a bioimage.io folder"
)
BIOIMAGE_FILES = ("rdf.yaml", "bioimageio.yaml", "model.yaml")
HEAD = 512  # bytes that are inspected
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
ZIP_MAGIC = b"PK\x03\x04"
TFLITE_MAGIC = b"TFL3"  # after four bytes
ONNX_STARTS = b"\x08"  # its first field, ir_version
PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def kind_of(path: Path) -> Kind:
    """The kind of model at `path`.

    Raises:
        FileNotFoundError: `path` does not exist.
        GraphError: it is not a readable model; the message says what it is and what to do.
    """
    if path.is_dir():
        return _kind_of_folder(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path.name}: there is no such file")
    with path.open("rb") as file:
        head = file.read(HEAD)
    _refuse_what_is_no_model(path, head)
    if head.startswith(HDF5_MAGIC):
        return "hdf5"
    if head[4:8] == TFLITE_MAGIC:  # before zip: a zip file with class names may be appended
        return "tflite"
    if head.startswith(ZIP_MAGIC):
        return _kind_of_zip(path)
    if b"<net" in head:
        return "openvino"
    if head.startswith(PICKLE_STARTS) or path.suffix.lower() in (".pt", ".pth", ".pkl", ".pickle", ".ckpt"):
        raise GraphError(pickle_advice(path))
    if path.name in BIOIMAGE_FILES:
        return "bioimage"
    if path.name == "saved_model.pb":
        raise GraphError(f"{path.name} is one file of a SavedModel: give the folder that it is in")
    if head.startswith(ONNX_STARTS) or path.suffix.lower() == ".onnx":
        return "onnx"
    damaged = ": it is damaged or cut off" if path.suffix in (".keras", ".h5", ".hdf5", ".tflite") else ""
    raise GraphError(f"{path.name} is not a model that can be read{damaged}. Use {READABLE}")


def pickle_advice(path: Path) -> str:
    """What to do with a pickle, which is never opened, as it may run any code."""
    return (
        f"{path.name} is a pickle file, as written by torch.save: opening it could run any code, and it may "
        "hold weights without a network. Where the model was trained, export it to ONNX and import that:\n"
        "    model.eval()\n"
        '    torch.onnx.export(model, torch.zeros(1, 3, 512, 512), "model.onnx", opset_version=17, '
        'dynamic_axes={"image": {0: "batch", 2: "height", 3: "width"}}, input_names=["image"], '
        'output_names=["mask"], dynamo=False)'
    )


def _kind_of_folder(path: Path) -> Kind:
    if any((path / name).is_file() for name in BIOIMAGE_FILES):
        return "bioimage"
    if (path / "saved_model.pb").is_file():
        return "saved_model"
    found = ", ".join(sorted(child.name for child in path.iterdir())[:5]) or "nothing"
    raise GraphError(
        f"{path.name} is a folder without saved_model.pb or rdf.yaml (it has {found}): give a SavedModel or "
        "bioimage.io folder, or a file in it"
    )


def _kind_of_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        raise GraphError(f"{path.name} is damaged or cut off: copy it again") from None
    files = {name.rpartition("/")[2] for name in names}
    if "config.json" in names and "model.weights.h5" in names:
        return "keras"
    if files & {"data.pkl", "constants.pkl"}:
        raise GraphError(pickle_advice(path))
    if files & {*BIOIMAGE_FILES, "saved_model.pb"}:
        raise GraphError(f"{path.name} is packed: unpack it, and give the folder")
    raise GraphError(f"{path.name} is a zip file without a model in it. Use {READABLE}")


def _refuse_what_is_no_model(path: Path, head: bytes) -> None:
    mistaken = mistaken_for_a_model(path.name, head)
    if mistaken:
        raise GraphError(mistaken)
    is_description = b"<net" in head or path.name in BIOIMAGE_FILES
    if not is_description and _is_text(head):
        raise GraphError(f"{path.name} is a text file, not a model. Use {READABLE}")


def _is_text(head: bytes) -> bool:
    try:
        words = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not only a character cut in two at the end
            return False
        words = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter in "\t\r\n\f" for letter in words)
