"""What a trial's process may do instead of answering, for its tests; the name of the model says what."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

from model.pictures.isolation.wire import receive

orders = socket.socket(fileno=int(sys.argv[1]))
order = receive(orders).values
if order["model"] == "killed@1":
    os.kill(os.getpid(), signal.SIGKILL)
if order["model"] == "speechless@1":
    orders.close()
if order["model"] in ("hanging@1", "speechless@1"):
    time.sleep(600)
