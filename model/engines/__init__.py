"""Engines: execute the stages of a network."""

import sys

# OpenVINO and NNCF report every import and conversion to Intel through this package by default. Both work
# without it if they cannot import it. A service must not report to third parties.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
