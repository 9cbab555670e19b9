"""Engines: how a network's stages are executed."""

import sys

# OpenVINO and NNCF report every import and conversion to Intel through this package, unasked. Both do
# without where they cannot import it; a service says nothing to strangers.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
