"""The whole chain on this machine: drop an image into a folder or a bucket, and see what comes of it."""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any

from scripts.local_cloud import LocalCloud, NotInstalled, Received, local_cloud
from scripts.processes import Ended, Process, accepts, answers, running

ROOT = Path(__file__).parents[1]
IMAGES, RESULTS, DEAD_LETTERS = "images", "results", "dead-letters"
_SECONDS_TO_LOAD = 120
_PAUSE_SECONDS = 0.5
_LAST_PORT = 65535

Fingerprint = tuple[int, int]  # of a file: its time in nanoseconds, its size


class Folder:
    """A folder in which files appear and change."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._seen: dict[Path, Fingerprint] = {}
        self._given: dict[Path, Fingerprint] = {}

    def settled(self) -> list[Path]:
        """The files that have not changed since the last call, which may be half copied else; each once."""
        before, self._seen = self._seen, self._look()
        settled = {path: found for path, found in self._seen.items() if before.get(path) == found}
        new = [path for path, found in settled.items() if self._given.get(path) != found]
        self._given = settled
        return sorted(new)

    def _look(self) -> dict[Path, Fingerprint]:
        found = {}
        for path in self._path.iterdir():
            with suppress(FileNotFoundError):  # it has just gone
                status = path.stat()
                if stat.S_ISREG(status.st_mode) and not path.name.startswith("."):
                    found[path] = status.st_mtime_ns, status.st_size
        return found


def why_no_object(name: str) -> str | None:
    """Why no object of Cloud Storage can have the name of a file; None where one can."""
    try:
        name.encode()
    except UnicodeEncodeError:  # Python keeps such bytes as halves of surrogate pairs
        return "its name is not UTF-8"
    return "its name has a line end" if re.search("[\r\n]", name) else None


def main() -> None:
    """Start all, show what happens until Ctrl+C, end all."""
    for ending in (signal.SIGINT, signal.SIGTERM):  # in the background of a script the first would be ignored
        signal.signal(ending, signal.default_int_handler)
    try:
        _run(_port(os.environ.get("PORT", "8080")), Path(os.environ.get("INCOMING", "incoming")))
    except KeyboardInterrupt:
        print("\nEnded.")
    except (NotInstalled, Ended) as error:
        sys.exit(f"make events: {error}")


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= _LAST_PORT - 3:
        raise Ended(
            f"PORT must be a number from 1 to {_LAST_PORT - 3}, the first of four ports, not {text!r}"
        )
    return int(text)


def _run(port: int, incoming: Path) -> None:
    """Service, function, Cloud Storage and Pub/Sub take `port` and the three after it."""
    ports = range(port, port + 4)
    for taken in filter(accepts, ports):
        raise Ended(f"port {taken} is taken; PORT=… chooses others, the first of four")
    logs = Path(tempfile.mkdtemp(prefix="maskserve-events-"))
    print(f"Starting; logs are in {logs}", flush=True)
    with ExitStack() as stack:
        cloud = stack.enter_context(local_cloud(ports[2], ports[3], "notifications", logs))
        service = stack.enter_context(running([_program("uwsgi"), ROOT / "uwsgi.ini"], logs / "service.log"))
        function = stack.enter_context(_function(cloud, ports, logs))
        service.wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), _SECONDS_TO_LOAD)
        folder = Folder(incoming)
        print(
            f"\nDrop an image into {incoming}/, or upload one:\n\n"
            f"    curl --data-binary @cells.png -H 'Content-Type: image/png' \\\n"
            f"        '{cloud.storage}/upload/storage/v1/b/{IMAGES}/o?uploadType=media&name=cells.png'\n\n"
            "Ctrl+C ends all.\n",
            flush=True,
        )
        while True:
            for process in (service, function):
                process.check()
            for path in folder.settled():
                if unfit := why_no_object(path.name):
                    print(f"{'left out':<11}{path.name!r}: {unfit}; rename it", flush=True)
                    continue
                with suppress(FileNotFoundError):
                    cloud.upload(IMAGES, path.name, path.read_bytes())
            for message in cloud.pull(RESULTS):
                print(_line(cloud, message.document), flush=True)
            for letter in cloud.pull(DEAD_LETTERS):
                print(_dead_line(letter), flush=True)
            time.sleep(_PAUSE_SECONDS)


def _function(cloud: LocalCloud, ports: range, logs: Path) -> AbstractContextManager[Process]:
    """The function, and all that it is between."""
    for bucket in (IMAGES, RESULTS):
        cloud.create_bucket(bucket)
    result_topic = cloud.create_topic(RESULTS)
    cloud.subscribe(RESULTS, result_topic)
    dead_letters = cloud.create_topic(DEAD_LETTERS)
    cloud.subscribe(DEAD_LETTERS, dead_letters)
    address = f"http://127.0.0.1:{ports[1]}"
    cloud.subscribe_function("function", "projects/local/topics/notifications", address, dead_letters)
    environment = {
        **cloud.environment,
        "RESULT_BUCKET": RESULTS,
        "RESULT_TOPIC": result_topic,
        "SERVICE_URL": f"http://127.0.0.1:{ports[0]}",
        "SERVICE_API_KEY": os.environ.get("MASKSERVE_API_KEYS", "").split(",")[0],
    }
    options = ["--target=segment", "--host=127.0.0.1", f"--port={ports[1]}"]
    source = f"--source={ROOT / 'functions' / 'main.py'}"
    command: list[str | Path] = [_program("functions-framework", "function"), source, *options]
    return running(command, logs / "function.log", environment)


def _program(name: str, environment: str = "") -> Path:
    return Path(sys.executable).parents[1] / environment / "bin" / name


def _line(cloud: LocalCloud, message: Mapping[str, Any]) -> str:
    about = f"{message['status']:<11}{message['source']}"
    if message["error"]:
        return f"{about}  {message['error']['detail']}"
    return f"{about}  {message['segments']} segments  {cloud.address(message['overlay'])}"


def _dead_line(letter: Received) -> str:
    return f"{'dead letter':<11} {letter.attributes or letter.document}"


if __name__ == "__main__":
    main()
