"""Whatever goes wrong: nothing is lost, nothing comes twice, nothing goes on for ever."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from chain import SECONDS_TO_COME_AGAIN, Chain, wait_until
from stub_service import found, problem

BURST = 200


def test_a_burst_has_each_result_once_though_messages_come_twice_and_the_function_is_killed(
    chain: Chain,
) -> None:
    chain.service.seconds = 0.05  # so that the end comes in the middle of several
    chain.start(THREADS="8")

    def drop(number: int) -> None:
        generation = chain.drop(f"{number}.png", b"cell %d" % number)
        attributes = {
            "eventType": "OBJECT_FINALIZE",
            "bucketId": chain.images,
            "objectId": f"{number}.png",
            "objectGeneration": generation,
        }
        chain.cloud.publish(chain.notifications, {}, attributes)  # the second time

    with ThreadPoolExecutor(4) as pool:
        dropped = pool.map(drop, range(BURST))
        wait_until(lambda: len(chain.service.calls) >= BURST / 2, 60)
        chain.kill()
        list(dropped)
    assert len(chain.cloud.names(chain.results)) < 2 * BURST
    chain.start(THREADS="8")

    wait_until(lambda: len({message["source"] for message in chain.receive()}) == BURST, 60)
    # Each message is answered by its end; those that the kill caught come after a while.
    wait_until(lambda: len(chain.receive()) >= 2 * BURST - 16, 30)

    times = Counter(chain.written())
    folders = {name.rpartition("/")[0] for name in times}
    assert len(folders) == BURST
    assert set(times) == {
        f"{folder}/{file}" for folder in folders for file in ("overlay.png", "segments.json")
    }
    assert set(times.values()) == {1}
    for message in chain.messages:
        assert message["status"] == "done"
        assert message["segments"] == len(f"cell {message['source'].rpartition('/')[2][:-4]}")
    assert not chain.dead


def test_the_service_down_for_a_while_loses_nothing(chain: Chain) -> None:
    chain.start()
    chain.service.stop()
    for number in range(10):
        chain.drop(f"{number}.png", b"cell %d" % number)
    wait_until(lambda: len(chain.log_of("again")) >= 10)
    time.sleep(SECONDS_TO_COME_AGAIN)
    assert not chain.receive()

    chain.service.start()

    messages = chain.wait_for(10)
    assert {message["status"] for message in messages} == {"done"}
    assert len({message["source"] for message in messages}) == 10
    assert not chain.dead


def test_what_could_not_be_published_is_published_later_and_not_done_again(chain: Chain) -> None:
    chain.start(RESULT_TOPIC="projects/local/topics/no-such-topic")
    chain.drop("cells.png", b"cell")
    wait_until(lambda: chain.log_of("again"))
    chain.kill()

    chain.start()

    (message,) = chain.wait_for(1)
    assert message["status"] == "done"
    assert chain.service.calls[b"cell"] == 1


def test_a_failure_is_tried_anew_when_asked_for_anew(chain: Chain) -> None:
    """The parameters, the key or the service may be others by now."""
    chain.service.reply = lambda image, _: problem(400)
    chain.start()
    chain.drop("cells.png", b"cell")
    (failed,) = chain.wait_for(1)
    chain.service.reply = found

    chain.cloud.publish(chain.notifications, {"gcs_uri": f"gs://{chain.images}/cells.png"})

    done = chain.wait_for(2)[1]
    assert (failed["status"], done["status"]) == ("failed", "done")
    assert done["json"] == failed["json"]
    assert len(chain.json(done)["segments"]) == 4


def test_an_image_that_is_too_large_is_not_read(chain: Chain) -> None:
    chain.start(MAX_BYTES="1000")
    chain.drop("large.png", bytes(1001))
    chain.drop("cells.png", bytes(1000))

    messages = {message["source"].rpartition("/")[2]: message for message in chain.wait_for(2)}
    assert messages["cells.png"]["status"] == "done"
    assert messages["large.png"]["status"] == "failed"
    assert messages["large.png"]["error"]["status"] == 413
    assert len(chain.service.queries) == 1


def test_an_object_that_is_gone_is_a_failure(chain: Chain) -> None:
    chain.drop("cells.png", b"cell")
    chain.cloud.delete(chain.images, "cells.png")
    chain.start()

    (message,) = chain.wait_for(1)
    assert (message["status"], message["error"]["status"]) == ("failed", 404)
    assert chain.json(message)["error"] == message["error"]


def test_an_object_that_never_was_is_a_failure_without_record(chain: Chain) -> None:
    chain.start()
    chain.cloud.publish(chain.notifications, {"gcs_uri": f"gs://{chain.images}/none.png"})

    (message,) = chain.wait_for(1)
    assert (message["status"], message["error"]["status"]) == ("failed", 404)
    assert message["generation"] is message["json"] is None
    assert chain.cloud.names(chain.results) == []


def test_a_generation_that_was_read_in_time_has_its_result_though_it_was_overwritten(chain: Chain) -> None:
    chain.service.may_answer.clear()
    chain.start()
    first = chain.drop("cells.png", b"old")
    wait_until(lambda: chain.service.calls[b"old"])

    second = chain.drop("cells.png", b"newer")
    wait_until(lambda: chain.service.calls[b"newer"])
    chain.service.may_answer.set()

    messages = {message["generation"]: message for message in chain.wait_for(2)}
    assert {generation: message["status"] for generation, message in messages.items()} == {
        first: "done",
        second: "done",
    }
    assert [messages[generation]["segments"] for generation in (first, second)] == [3, 5]


def test_a_generation_that_could_not_be_read_is_superseded(chain: Chain) -> None:
    first = chain.drop("cells.png", b"old")
    second = chain.drop("cells.png", b"newer")
    chain.start()

    messages = {message["generation"]: message for message in chain.wait_for(2)}
    assert messages[first]["status"] == chain.json(messages[first])["status"] == "superseded"
    assert messages[second]["status"] == "done"
    assert chain.service.calls == {b"newer": 1}


def test_names_too_long_for_results_are_failures(chain: Chain) -> None:
    chain.start()
    chain.drop("x" * 1000, b"cell")

    (message,) = chain.wait_for(1)
    assert message["status"] == "failed" and "long" in message["error"]["detail"]
    assert message["json"] is None


def test_an_event_that_is_too_old_is_given_up(chain: Chain) -> None:
    chain.service.reply = lambda image, _: problem(500)
    chain.start(MAX_AGE="1")
    chain.drop("cells.png", b"cell")

    (message,) = chain.wait_for(1)

    assert message["status"] == "failed"
    assert message["error"]["type"] == "urn:maskserve:gave-up" and "500" in message["error"]["detail"]
    assert chain.json(message)["error"] == message["error"]
    calls = chain.service.calls[b"cell"]
    assert calls > 1
    time.sleep(SECONDS_TO_COME_AGAIN)
    assert chain.service.calls[b"cell"] == calls and not chain.dead


def test_what_never_goes_well_before_max_age_ends_with_the_dead_letters(chain: Chain) -> None:
    chain.service.reply = lambda image, _: problem(500)
    chain.deliver_at_most(5)  # Pub/Sub allows no fewer
    chain.drop("fails.png", b"cell")
    chain.start()

    wait_until(lambda: chain.receive() or chain.dead, 60)

    assert not chain.messages
    assert [letter["name"] for letter in chain.dead] == ["fails.png"]


def test_a_segments_json_by_somebody_else_is_a_failure(chain: Chain) -> None:
    generation = chain.drop("cells.png", b"cell")
    record = f"{chain.images}/cells.png/{generation}/segments.json"
    chain.cloud.upload(chain.results, record, b"[]")
    chain.start()

    (message,) = chain.wait_for(1)

    assert (message["status"], message["json"]) == ("failed", None)
    assert f"gs://{chain.results}/{record}" in message["error"]["detail"]
    assert chain.service.calls == {}


def test_the_log_says_which_image_how_it_ended_and_how_long_it_took(chain: Chain) -> None:
    chain.start()
    generation = chain.drop("cells.png", b"cell")
    chain.wait_for(1)

    wait_until(lambda: chain.log_of("done"))
    (entry,) = chain.log_of("done")
    assert isinstance(entry.pop("milliseconds"), int) and entry.pop("event")
    uri = f"gs://{chain.images}/cells.png"
    expected = {"severity": "INFO", "message": f"done: {uri}", "object": uri, "generation": generation}
    assert entry == {**expected, "status": "done"}
