"""Tensors: answers of KServe V2 (the Open Inference Protocol), in JSON or with binary data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from flask import Response, jsonify

from app.requests.tensors import ELEMENT_LENGTH, LENGTH_HEADER, OUTPUT, Inference
from model.storage.manifest import Manifest


def answer_inference(asked: Inference, answers: Sequence[Mapping[str, Any]], manifest: Manifest) -> Response:
    """One tensor of JSON texts; each text is the answer for one image."""
    texts = [orjson.dumps(answer) for answer in answers]
    tensor: dict[str, Any] = {"name": OUTPUT, "datatype": "BYTES", "shape": [len(texts)]}
    document: dict[str, Any] = {"model_name": manifest.name, "model_version": manifest.version}
    if asked.request_id is not None:
        document["id"] = asked.request_id
    document["outputs"] = [tensor]
    if not asked.wants_binary:
        tensor["data"] = [text.decode() for text in texts]
        return jsonify(document)
    binary = b"".join(part for text in texts for part in (ELEMENT_LENGTH.pack(len(text)), text))
    tensor["parameters"] = {"binary_data_size": len(binary)}
    header = orjson.dumps(document)
    length = {LENGTH_HEADER: str(len(header))}
    return Response(header + binary, mimetype="application/octet-stream", headers=length)
