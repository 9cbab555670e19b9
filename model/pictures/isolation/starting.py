"""Starting: a Python process beside the service's own, connected with it by a socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from model.pictures.isolation.wire import limit_talk

_PYTHON = Path(sys.prefix) / "bin" / "python"  # sys.executable may be a server that embeds Python

FOR_MODELS = (
    *("PATH", "LD_LIBRARY_PATH", "LANG", "HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "MASKSERVE_MODEL_DIR"),
    *("OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "TF_CPP_MIN_LOG_LEVEL"),
)
"""The variables that a process needs to find models and to run them as the service does."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets: one for this process, with a limit on its waiting, one for another process."""
    ours, theirs = socket.socketpair()
    limit_talk(ours)
    # After `socket.setdefaulttimeout`, which some libraries call, it would not wait for messages over there.
    theirs.setblocking(True)
    return ours, theirs


def start(
    module: str, kept: Sequence[str], environment: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Run `python -m MODULE DESCRIPTOR`, and return the process and this end of its socket.

    The service's own environment is not passed on, because it holds keys.

    Args:
        module: its dotted name; it gets the number of the descriptor of its end of the socket.
        kept: variables to pass on, if they are set.
        environment: further variables.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = pair()
    with theirs:
        process = subprocess.Popen(
            [_PYTHON, "-m", module, str(theirs.fileno())],
            env={
                **{name: os.environ[name] for name in kept if name in os.environ},
                **environment,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    return process, ours
