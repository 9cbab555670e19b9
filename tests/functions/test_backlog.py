"""More pushes at once than the function works on: they wait in it, and none uses up a delivery."""

from __future__ import annotations

import threading
import time

from chain import Chain
from stub_service import Query, Reply, found

PUSHES = 16  # as many as an instance accepts: scripts/gcp/events.sh, --concurrency


def test_a_backlog_waits_for_a_thread_and_the_service_is_not_asked_for_more_at_once(chain: Chain) -> None:
    counting = threading.Lock()
    now = most = 0

    def slow(image: bytes, query: Query) -> Reply:
        nonlocal now, most
        with counting:
            now += 1
            most = max(most, now)
        time.sleep(0.1)
        with counting:
            now -= 1
        return found(image, query)

    chain.service.reply = slow
    for number in range(PUSHES):
        chain.drop(f"{number}.png", b"cell %d" % number)
    chain.start(THREADS="2")

    messages = chain.wait_for(PUSHES, 60)

    assert {message["status"] for message in messages} == {"done"}
    assert most == 2
    assert set(chain.service.calls.values()) == {1}  # delivered once
    assert not chain.log_of("again")
