"""Core: creates OpenVINO cores without changing how the thread handles signals."""

from __future__ import annotations

import ctypes
import sys

import openvino as ov

_DISABLED = 2  # SS_DISABLE in <signal.h>


class _SignalStack(ctypes.Structure):
    """Linux's `stack_t`."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def new_core() -> ov.Core:
    """Return a core with its CPU plugin loaded."""
    core = ov.Core()
    core.get_property("CPU", "FULL_DEVICE_NAME")  # loads the plugin
    use_own_signal_stack()
    return core


def use_own_signal_stack() -> None:
    """Handle signals on this thread's own stack.

    For AMX, OpenVINO's CPU plugin gives the thread that loads it an alternate signal stack, and restores the
    previous one when the plugin is unloaded. If several plugins are unloaded in another order than they were
    loaded, the last one restores a stack that is unmapped: the next signal, such as Ctrl-C, would end the
    process with SIGSEGV.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).sigaltstack(ctypes.byref(_SignalStack(None, _DISABLED, 0)), None)
