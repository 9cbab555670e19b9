"""KServe's own client against the service at the address given, in the environment that has that client."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


def in_json(picture: bytes, **parameters: Any) -> InferInput:
    text = base64.b64encode(picture).decode()
    return InferInput("image", [1], "BYTES", data=[text], parameters=parameters or None)


def as_binary(picture: bytes) -> InferInput:
    made = InferInput("image", [1], "BYTES")
    made.set_data_from_numpy(np.array([picture], dtype=np.object_), binary_data=True)
    return made


def request(image: InferInput, **members: Any) -> InferRequest:
    return InferRequest(model_name="stub", infer_inputs=[image], **members)


async def outcomes(address: str, picture: bytes) -> dict[str, Any]:
    """What each call gave, or the words of its error."""
    v1, v2 = (InferenceRESTClient(RESTConfig(protocol=protocol)) for protocol in ("v1", "v2"))

    async def segments(image: InferInput, **members: Any) -> list[Any]:
        reply = await v2.infer(address, request(image, **members), model_name="stub")
        return json.loads(reply.get_output_by_name("segments").as_numpy()[0])["segments"]

    async def predictions(instance: object) -> list[Any]:
        reply = await v1.infer(address, {"instances": [instance]}, model_name="stub")
        return reply["predictions"][0]["segments"]

    text = base64.b64encode(picture).decode()
    binary_output = [RequestedOutput("segments", {"binary_data": True})]
    calls = {
        "live": v2.is_server_live(address),
        "ready": v2.is_server_ready(address),
        "model ready": v2.is_model_ready(address, "stub"),
        "other model ready": v2.is_model_ready(address, "other"),
        "V1 model ready": v1.is_model_ready(address, "stub"),
        "JSON": segments(in_json(picture, content_type="base64")),
        "JSON, output binary": segments(in_json(picture), request_outputs=binary_output),
        "binary": segments(as_binary(picture)),
        "binary, output binary": segments(as_binary(picture), request_outputs=binary_output),
        "V1": predictions({"b64": text}),
        "V1 image_bytes": predictions({"image_bytes": {"b64": text}}),
        "V1 text": predictions(text),
        "bad parameter": segments(in_json(picture), parameters={"threshold": 2}),
        "no such model": v2.infer(address, request(in_json(picture)), model_name="other"),
    }
    found = {}
    for name, call in calls.items():
        try:
            found[name] = await call
        except Exception as error:
            found[name] = str(error)
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(outcomes(sys.argv[1], Path(sys.argv[2]).read_bytes()))))
