"""Standing back: a process beside the service leaves processor and memory to it, and ends with it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress

_PR_SET_PDEATHSIG = 1  # an option of Linux's prctl

# If memory runs out, the kernel kills this process first and not the service.
_FIRST_TO_GO = "1000"


def stand_back(niceness: int) -> None:
    """Leave processor and memory to others, and end with the thread that started this process.

    `niceness`: 0 (as important as others) to 19 (hardly at all).
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # such a signal may go to the service's whole process group
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    with suppress(OSError, AttributeError):
        # A closed socket would not do: this process may be stopped, and then does not notice.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would contain a user's picture
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(_FIRST_TO_GO)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
