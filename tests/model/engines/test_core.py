"""OpenVINO's cores come and go, and signals still reach the process."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, os, signal
from model.engines.core import new_core

heard = []
signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
first, second = new_core(), new_core()
del first
gc.collect()
del second
gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
assert heard
"""


def test_a_signal_after_several_cores_have_gone_is_handled() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
