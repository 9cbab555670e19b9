"""Publish dead letters again: python -m scripts.replay_dead_letters PROJECT [--dry-run] [--limit N]."""

from __future__ import annotations

import argparse
import base64
import os
from collections.abc import Iterator, Mapping
from typing import Any

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession

# Pub/Sub adds attributes of this name to a dead letter: its subscription, its deliveries, the last error.
_ADDED = "CloudPubSubDeadLetter"
_MOST_PULLED = 100  # messages a request
_SECONDS = 60  # a request may take; longer than Pub/Sub waits for a message


class PubSub:
    """Pub/Sub's subscription of dead letters, and the topic to which they go again."""

    def __init__(
        self, session: requests.Session, service: str, project: str, topic: str, letters: str
    ) -> None:
        self._session = session
        self._topic = f"{service}/v1/projects/{project}/topics/{topic}"
        self._letters = f"{service}/v1/projects/{project}/subscriptions/{letters}"

    def replay(self, limit: int | None) -> Iterator[Mapping[str, Any]]:
        """Publish up to `limit` dead letters, and remove them once they are published; yields them.

        Raises:
            requests.HTTPError: Pub/Sub refuses; letters that were not yielded are still there.
        """
        for letters in self._pulled(limit):
            self._call(f"{self._topic}:publish", {"messages": [_again(one["message"]) for one in letters]})
            # Only now: if this fails, messages come twice, which is harmless. Before, they could be lost.
            self._call(f"{self._letters}:acknowledge", {"ackIds": [one["ackId"] for one in letters]})
            yield from (one["message"] for one in letters)

    def look(self, limit: int | None) -> Iterator[Mapping[str, Any]]:
        """Yield up to `limit` dead letters, all of which stay."""
        seen: dict[str, Any] = {}
        for letters in self._pulled(limit):
            new = {one["message"]["messageId"]: one for one in letters}
            if new.keys() <= seen.keys():  # it took so long that Pub/Sub gives the first ones again
                break
            seen |= new
        yield from (one["message"] for one in seen.values())
        if seen:
            back = {"ackIds": [one["ackId"] for one in seen.values()], "ackDeadlineSeconds": 0}
            self._call(f"{self._letters}:modifyAckDeadline", back)

    def _pulled(self, limit: int | None) -> Iterator[list[dict[str, Any]]]:
        pulled = 0
        while limit is None or pulled < limit:
            most = min(_MOST_PULLED, limit - pulled) if limit is not None else _MOST_PULLED
            answer = self._call(f"{self._letters}:pull", {"maxMessages": most, "returnImmediately": True})
            found: list[dict[str, Any]] = answer.get("receivedMessages", [])
            if not found:
                return
            pulled += len(found)
            yield found

    def _call(self, url: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        response = self._session.post(url, json=wish, timeout=_SECONDS)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


def _again(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message as it was before it became a dead letter."""
    attributes = message.get("attributes", {})
    kept = {name: value for name, value in attributes.items() if not name.startswith(_ADDED)}
    return {key: message[key] for key in ("data", "orderingKey") if key in message} | {"attributes": kept}


def _line(message: Mapping[str, Any]) -> str:
    """What a message is about."""
    attributes = message.get("attributes", {})
    if "objectId" in attributes:
        return f"gs://{attributes.get('bucketId')}/{attributes['objectId']}"
    return base64.b64decode(message.get("data", "")).decode(errors="replace")[:200]


def main() -> None:
    """Replay, or list, and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m scripts.replay_dead_letters", description=__doc__)
    parser.add_argument("project")
    parser.add_argument("--topic", default="maskserve-images", help="where to publish (default: %(default)s)")
    parser.add_argument(
        "--subscription", default="maskserve-dead-letters", help="of dead letters (%(default)s)"
    )
    parser.add_argument("--limit", type=int, help="how many at most (default: all)")
    parser.add_argument("--dry-run", action="store_true", help="list them only")
    wish = parser.parse_args()

    emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
    if emulator:
        session, service = requests.Session(), f"http://{emulator}"
    else:
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/pubsub"])
        session, service = AuthorizedSession(credentials), "https://pubsub.googleapis.com"
    pubsub = PubSub(session, service, wish.project, wish.topic, wish.subscription)
    count = 0
    for message in pubsub.look(wish.limit) if wish.dry_run else pubsub.replay(wish.limit):
        print(_line(message), flush=True)
        count += 1
    print(f"{count} {'would be' if wish.dry_run else ''} published again to {wish.topic}.".replace("  ", " "))


if __name__ == "__main__":
    main()
