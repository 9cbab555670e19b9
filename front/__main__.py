"""python -m front PORT [PATIENCE [DOOR]]: listen on PORT and forward requests to the workers, on port DOOR.

PATIENCE is the idle timeout in seconds. DOOR defaults to the port on which the parent process listens. With
PORT alone, only check that PORT is free.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from pathlib import Path

_ADDRESS = "0.0.0.0"
_LISTENS = "0A"  # the state LISTEN in /proc/net/tcp


def _door_of(process: int) -> int:
    """The port on which a process listens."""
    sockets = {os.readlink(file) for file in Path(f"/proc/{process}/fd").iterdir()}
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_, inode = row.split()[:10]
        if state == _LISTENS and f"socket:[{inode}]" in sockets:
            return int(local.rpartition(":")[2], 16)
    raise OSError(errno.ECONNREFUSED, "the workers do not listen on any port")


def main() -> None:
    """Run with the arguments of the command line."""
    given, *others = sys.argv[1:]
    port = (
        int(given) if 0 <= int(given) < 2**16 else 0
    )  # an invalid PORT: any free port, until the service itself has rejected the setting
    try:
        if others:
            patience, *door = others
            for ignored in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):  # it must outlive the workers
                signal.signal(ignored, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            from front.listening import serve  # not to check the port: the service waits for that

            serve(_ADDRESS, port, int(door[0]) if door else _door_of(os.getppid()), float(patience))
        else:
            socket.create_server((_ADDRESS, port)).close()
    except OSError as error:
        sys.exit(f"cannot listen on port {port}: {error.strerror}")


if __name__ == "__main__":
    main()
