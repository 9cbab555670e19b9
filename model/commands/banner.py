"""Banner: hides the messages that TensorFlow writes to standard error when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from model.commands.import_hook import import_inside

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
NEWS = "^WARNING: All log messages before absl::InitializeLog|^I[0-9]{4} "
"""Log lines that only describe how TensorFlow was built."""
STANDARD_ERROR = 2


def silence() -> None:
    """Filter TensorFlow's banner from standard error in this process, unless the user's log level is 0.

    Setting the level does not suffice: messages before the log is initialised are written at every level
    (github.com/tensorflow/tensorflow/issues/79029).
    """
    wanted = os.environ.setdefault(LEVEL, "2")  # errors
    if wanted != "0":
        import_inside(_without_news, ("tensorflow",))


@contextmanager
def _without_news() -> Iterator[None]:
    """Filter the file descriptor of standard error, since TensorFlow does not write through Python.

    A separate process filters: TensorFlow's last message must be visible even if TensorFlow aborts this
    process, as on a processor for which it was not built.
    """
    if sys.stderr is None:  # closed: its descriptor may now be another file
        yield
        return
    sys.stderr.flush()
    try:
        terminal = os.dup(STANDARD_ERROR)
        grep = subprocess.Popen(
            ["grep", "--line-buffered", "-v", "-E", NEWS],
            stdin=subprocess.PIPE,
            stdout=terminal,
            start_new_session=True,  # Ctrl-C is for this process
        )
    except OSError:  # without grep, the banner is shown
        yield
        return
    assert grep.stdin is not None
    try:
        os.dup2(grep.stdin.fileno(), STANDARD_ERROR)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, STANDARD_ERROR)
        os.close(terminal)
        grep.communicate()
