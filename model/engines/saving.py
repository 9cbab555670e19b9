"""Saving: writes an OpenVINO model as two files, or raises an error that says why it cannot."""

from __future__ import annotations

import errno
from pathlib import Path

import openvino as ov

from model.files.system_errors import free_bytes


def save_model(model: ov.Model, path: Path, *, in_16_bits: bool) -> None:
    """Write `path`, a .xml file, and the .bin file beside it, with weights in 16 bits or as they are.

    Raises:
        OSError: the files cannot be written.
    """
    try:
        ov.save_model(model, path, compress_to_fp16=in_16_bits)
    except RuntimeError as error:  # "iostream error" for every system error; OpenVINO deletes partial files
        size = sum(node.get_byte_size() for node in model.get_ops() if node.get_type_name() == "Constant")
        if free_bytes(path.parent) < (size // 2 if in_16_bits else size):
            raise OSError(errno.ENOSPC, "no space", str(path)) from error
        raise OSError(f"{path} cannot be written: {error}") from error
