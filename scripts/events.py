"""Run the whole event pipeline locally: drop an image into a folder or a bucket, and see the result."""

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

Fingerprint = tuple[int, int]  # of a file: modification time in nanoseconds, size in bytes


class Folder:
    """A folder that is watched for new and changed files."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._seen: dict[Path, Fingerprint] = {}
        self._given: dict[Path, Fingerprint] = {}

    def settled(self) -> list[Path]:
        """Files that have not changed since the last call, and so are complete. Each is returned once."""
        before, self._seen = self._seen, self._look()
        settled = {path: found for path, found in self._seen.items() if before.get(path) == found}
        new = [path for path, found in settled.items() if self._given.get(path) != found]
        self._given = settled
        return sorted(new)

    def _look(self) -> dict[Path, Fingerprint]:
        found = {}
        for path in self._path.iterdir():
            with suppress(FileNotFoundError):  # deleted meanwhile
                status = path.stat()
                if stat.S_ISREG(status.st_mode) and not path.name.startswith("."):
                    found[path] = status.st_mtime_ns, status.st_size
        return found


def why_no_object(name: str) -> str | None:
    """Why a file name is not valid for an object in Cloud Storage; None if it is."""
    try:
        name.encode()
    except UnicodeEncodeError:  # Python represents such bytes as lone surrogates
        return "its name is not UTF-8"
    return "its name contains a line break" if re.search("[\r\n]", name) else None


def main() -> None:
    """Start everything, print what happens until Ctrl+C, end everything."""
    for ending in (signal.SIGINT, signal.SIGTERM):  # background jobs of a script ignore SIGINT by default
        signal.signal(ending, signal.default_int_handler)
    try:
        _run(_port(os.environ.get("PORT", "8080")), Path(os.environ.get("INCOMING", "incoming")))
    except KeyboardInterrupt:
        print("\nStopped.")
    except (NotInstalled, Ended) as error:
        sys.exit(f"make events: {error}")


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= _LAST_PORT - 3:
        raise Ended(
            f"PORT, the first of four ports, must be a number from 1 to {_LAST_PORT - 3}, not {text!r}"
        )
    return int(text)


def _run(port: int, incoming: Path) -> None:
    """Run service, function, Cloud Storage and Pub/Sub on `port` and the three ports after it."""
    ports = range(port, port + 4)
    for taken in filter(accepts, ports):
        raise Ended(f"port {taken} is in use; set PORT=… to the first of four free ports")
    logs = Path(tempfile.mkdtemp(prefix="maskserve-events-"))
    print(f"Starting. Logs are in {logs}", flush=True)
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
            "Press Ctrl+C to stop.\n",
            flush=True,
        )
        while True:
            for process in (service, function):
                process.check()
            for path in folder.settled():
                if unfit := why_no_object(path.name):
                    print(f"{'left out':<11}{path.name!r}: {unfit}; rename the file", flush=True)
                    continue
                with suppress(FileNotFoundError):
                    cloud.upload(IMAGES, path.name, path.read_bytes())
            for message in cloud.pull(RESULTS):
                print(_line(cloud, message.document), flush=True)
            for letter in cloud.pull(DEAD_LETTERS):
                print(_dead_line(letter), flush=True)
            time.sleep(_PAUSE_SECONDS)


def _function(cloud: LocalCloud, ports: range, logs: Path) -> AbstractContextManager[Process]:
    """Run the function, with the buckets, topics and subscriptions around it."""
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
