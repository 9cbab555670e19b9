"""ONNX files and OpenVINO's own files, which OpenVINO reads in the same way."""

from __future__ import annotations

from pathlib import Path

from model.engines.core import new_core
from model.families.graphs.source import GraphError, Source, reason


def read_onnx(path: Path) -> Source:
    """The graph of an ONNX file; external data is found by the file names that it has.

    Raises:
        GraphError: it is damaged, lacks its data, or has operations that OpenVINO does not support.
    """
    try:
        model = new_core().read_model(path)
    except RuntimeError as error:
        raise GraphError(f"{path.name} {_complaint(reason(error))}") from None
    return Source(path.name, model, layout="NCHW")


def read_openvino(path: Path) -> Source:
    """The graph of an OpenVINO .xml file; the .bin file of the same name must be in the same folder."""
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise GraphError(f"{weights.name}, the weights of {path.name}, is missing: put it in the same folder")
    try:
        model = new_core().read_model(path, weights)
    except RuntimeError as error:
        raise GraphError(
            f"{path.name} and {weights.name} cannot be read ({reason(error)}): one of them is damaged, or "
            "they do not belong together"
        ) from None
    return Source(path.name, model)


def _complaint(why: str) -> str:
    if "externally stored data" in why:
        return f"has its weights in another file, missing or too short ({why}): put that in the same folder"
    if "rule found" in why or "not supported" in why or "does not support" in why:
        return f"has operations that OpenVINO does not support ({why}): export the model without them"
    return f"cannot be read as ONNX ({why}): it is damaged, cut off, or of another format"
