"""Signals end the work where it is safe, the second one at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from model.training.stopping import Stopped, stoppable


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """Tests may themselves run in the background, where SIGINT is ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_until_it_is_asked_for(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    with stoppable() as stop:
        stop.check()
        os.kill(os.getpid(), number)
        with pytest.raises(Stopped, match=f"stopped by {number.name}") as stopped:
            stop.check()
    assert stopped.value.signal == number
    assert signal.getsignal(number) is before
    assert f"{number.name}: saving a checkpoint" in capfd.readouterr().err


def test_the_second_interrupt_acts_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_was_ignored_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stoppable() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        stop.check()


def test_other_threads_than_the_main_one_may_train_too() -> None:
    asked = []

    def work() -> None:
        with stoppable() as stop:
            asked.append(stop.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [None]
