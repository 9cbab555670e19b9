"""Nursery: the fork server, a small process that forks decoders and reports how each one ended.

It has loaded everything that decoders need. A decoder that dies is therefore replaced within milliseconds,
and the service itself, with its threads and its engine, is never forked. Run as
`python -m model.pictures.isolation.nursery FD`, with one end of a Unix socket; the orders are {"fork": true},
with the decoder's end of another socket, and {"end": PID}.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
import traceback
import warnings
from contextlib import suppress

import tifffile  # noqa: F401 - loaded here for the decoders; the service itself does not need it
from PIL import Image

from model import malloc
from model.pictures.isolation.decoder import serve
from model.pictures.isolation.wire import LACKS_MEMORY, Ended, receive, send

_PR_SET_PDEATHSIG = 1  # an option of Linux's prctl

# If memory runs out, the kernel kills a decoder first and not the service.
_FIRST_TO_GO = "1000"


def main() -> None:
    """Serve the orders on the socket whose number is the first argument, until it is closed."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    # A signal that ends the service may go to its whole process group, but this process is needed until the
    # socket is closed.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would contain a user's picture
    warnings.simplefilter("ignore")  # Pillow warns about each oddity of an untrusted file
    malloc.tune()
    Image.init()  # loads every format for the decoders
    with suppress(Ended):
        while True:
            obey(orders)


def obey(orders: socket.socket) -> None:
    """Carry out the next order, and answer {"process"}, None if it cannot be started, or {"status"}."""
    order = receive(orders)
    if order.descriptor is not None:
        connection = socket.socket(fileno=order.descriptor)
        try:
            process = os.fork()
        except OSError:  # the machine has no processes or no memory left
            process = None
        if process == 0:
            orders.close()
            _be_decoder(connection)
        connection.close()
        send(orders, {"process": process})
    else:
        process = order.values["end"]
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        send(orders, {"status": os.waitstatus_to_exitcode(status)})


def _be_decoder(connection: socket.socket) -> None:
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
            score.write(_FIRST_TO_GO)
        _silence_libraries()
        serve(connection)
        status = 0
    except MemoryError:
        status = LACKS_MEMORY
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


def _silence_libraries() -> None:
    """Discard what C libraries print: each oddity of a file would be a line in the service's log."""
    sys.stderr = open(os.dup(2), "w", buffering=1)  # noqa: SIM115 - as long as the process
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    main()
