"""What the service, or something before it, says instead of a result: for now, or for good."""

from __future__ import annotations

import base64
import time

from chain import SECONDS_TO_COME_AGAIN, Chain
from stub_service import PNG, Query, Reply, found, problem


def test_faults_for_now_are_tried_again(chain: Chain) -> None:
    def once(image: bytes, _: Query) -> Reply:
        return problem(int(image)) if chain.service.calls[image] == 1 else found(image)

    chain.service.reply = once
    chain.start()
    statuses = (301, 401, 403, 408, 429, 500, 502, 503, 504)
    for status in statuses:
        chain.drop(f"{status}.png", str(status).encode())

    messages = chain.wait_for(len(statuses))
    assert {message["status"] for message in messages} == {"done"}
    assert set(chain.service.calls.values()) == {2}


def test_what_the_load_balancer_says_while_it_has_no_route_is_tried_again(chain: Chain) -> None:
    def once(image: bytes, _: Query) -> Reply:
        return (int(image), b"<html>No such URL</html>") if chain.service.calls[image] == 1 else found(image)

    chain.service.reply = once
    chain.start()
    statuses = (404, 405, 421)
    for status in statuses:
        chain.drop(f"{status}.png", str(status).encode())

    messages = chain.wait_for(len(statuses))
    assert {message["status"] for message in messages} == {"done"}
    assert set(chain.service.calls.values()) == {2}


def test_a_proxys_refusal_of_the_image_or_the_query_is_a_failure(chain: Chain) -> None:
    chain.service.reply = lambda image, _: (int(image), b"<html>nginx</html>")
    chain.start()
    statuses = {400, 413, 414, 415, 422, 431}
    for status in statuses:
        chain.drop(f"{status}.png", str(status).encode())

    messages = chain.wait_for(len(statuses))
    assert {message["status"] for message in messages} == {"failed"}
    assert {message["error"]["status"] for message in messages} == statuses
    assert {message["error"]["type"] for message in messages} == {"urn:maskserve:refused"}
    assert set(chain.service.calls.values()) == {1}


def test_faults_for_good_are_recorded_and_not_tried_again(chain: Chain) -> None:
    chain.service.reply = lambda image, _: problem(int(image))
    chain.start()
    statuses = (400, 404, 405, 413, 415, 422)
    generations = {status: chain.drop(f"{status}.png", str(status).encode()) for status in statuses}

    chain.wait_for(len(statuses))
    time.sleep(SECONDS_TO_COME_AGAIN)

    assert len(chain.receive()) == len(statuses) and not chain.dead
    assert set(chain.service.calls.values()) == {1}
    for message in chain.messages:
        status = message["error"]["status"]
        assert message["status"] == "failed"
        assert message["source"] == f"gs://{chain.images}/{status}.png"
        assert message["error"] == problem(status)[1]
        assert message["segments"] is message["overlay"] is None
        record = chain.json(message)
        assert record.pop("event")
        assert record == {
            "source": message["source"],
            "generation": generations[status],
            "status": "failed",
            "error": message["error"],
        }


def test_an_answer_that_is_no_result_is_a_failure(chain: Chain) -> None:
    replies: dict[bytes, Reply] = {
        b"output": (200, PNG),  # `output` among the parameters
        b"image_format": (200, {"segments": [], "overlay": "/9j/4AAQ"}),  # a JPEG
        b"segments": (200, {"overlay": base64.b64encode(PNG).decode()}),
    }
    chain.service.reply = lambda image, _: replies[image]
    chain.start()
    for words in replies:
        chain.drop(words.decode(), words)

    for message in chain.wait_for(len(replies)):
        assert message["status"] == "failed"
        assert message["source"].rpartition("/")[2] in message["error"]["detail"]
