"""Stdout: Python's is the process's own again, under a server that puts stderr in its place."""

from __future__ import annotations

import sys

if sys.stdout.fileno() != 1:
    sys.stdout = open(1, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
