"""Stdout: makes Python write to the process's stdout again, under a server that replaced it by stderr."""

from __future__ import annotations

import sys

if sys.stdout.fileno() != 1:
    sys.stdout = open(1, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
