"""Core: OpenVINO's, which leaves the thread's signals as they were."""

from __future__ import annotations

import ctypes
import sys

import openvino as ov

_DISABLED = 2  # SS_DISABLE in <signal.h>


class _SignalStack(ctypes.Structure):
    """`stack_t` of Linux."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def new_core() -> ov.Core:
    """A core whose CPU plugin is loaded."""
    core = ov.Core()
    core.get_property("CPU", "FULL_DEVICE_NAME")  # loads the plugin
    use_own_signal_stack()
    return core


def use_own_signal_stack() -> None:
    """Have signals handled on this thread's own stack.

    For AMX, OpenVINO's CPU plugin gives the thread that loads it an alternate signal stack, and puts back the
    one before it when the plugin goes. Of several plugins that go in another order than they came, the last
    puts back one that is unmapped: the next signal, Ctrl-C say, would end the process with SIGSEGV.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).sigaltstack(ctypes.byref(_SignalStack(None, _DISABLED, 0)), None)
