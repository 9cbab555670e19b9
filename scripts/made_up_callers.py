"""`python -m scripts.made_up_callers`: send pictures to a service as many callers, and judge its answers.

For docs/ab.md, and to try a split before real callers see it. The pictures are made up, with a known number
of cells. A caller has habits: how bright and noisy its pictures are, how many cells they have, and how many
it sends (heavy-tailed: most callers send a few, some send dozens). It judges about half of the answers: wrong
if the number of cells is off by more than a quarter.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt
import requests

SIDE = 160  # pixels of a picture
_MOST = 30  # pictures of a caller
_AT_ONCE = 2
_JUDGED = 0.5  # of the answers
_OFF = 0.25  # by how much the number of cells may be off
_SECONDS = 120  # for an answer


def picture(cells: int, brightness: float, noise: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A grey picture (SIDE, SIDE) of so many bright cells of 10 to 20 pixels, a third of them faint."""
    canvas = np.zeros((SIDE, SIDE), np.float32)
    places = [(x, y) for x in range(16, SIDE - 8, 26) for y in range(16, SIDE - 8, 26)]
    for at in rng.permutation(len(places))[:cells]:
        x, y = np.array(places[at]) + rng.integers(-3, 4, 2)
        axes = rng.integers(5, 10, 2)
        light = brightness * (rng.uniform(0.08, 0.25) if rng.random() < 1 / 3 else rng.uniform(0.6, 1))
        cv2.ellipse(canvas, (int(x), int(y)), axes.tolist(), float(rng.uniform(0, 180)), 0, 360, light, -1)
    seen = cv2.GaussianBlur(canvas, (0, 0), 1.5) + 12 + rng.normal(0, noise, canvas.shape)
    return np.clip(seen, 0, 255).astype(np.uint8)


def call(address: str, number: int, pause: float) -> tuple[int, int, int]:
    """Be one caller, who waits for `pause` seconds before each picture.

    Returns:
        The numbers of pictures that were answered, judged, and reported wrong.
    """
    rng = np.random.default_rng(number)
    session = requests.Session()
    session.headers["X-Session"] = f"caller-{number}"
    brightness, noise, usual = rng.uniform(80, 200), rng.uniform(4, 10), rng.integers(8, 24)
    answered = judged = wrong = 0
    for turn in range(min(_MOST, int(1 + 2 * rng.pareto(1.1)))):
        time.sleep(pause)
        cells = int(np.clip(rng.poisson(usual), 1, 30))
        _, png = cv2.imencode(".png", picture(cells, brightness, noise, rng))
        request_id = hashlib.sha256(f"{address} {number} {turn}".encode()).hexdigest()[:16]
        answer = session.post(
            f"{address}/api/v1/segment?model=nuclei&mask_format=none",
            data=png.tobytes(),
            headers={"Content-Type": "image/png", "X-Request-Id": request_id},
            timeout=_SECONDS,
        )
        judges = rng.random() < _JUDGED
        if answer.status_code != requests.codes.ok:
            continue
        answered += 1
        if judges:
            is_wrong = abs(len(answer.json()["segments"]) - cells) > _OFF * cells
            said = {"request_id": request_id, "verdict": "wrong" if is_wrong else "right"}
            session.post(f"{address}/api/v1/feedback", json=said, timeout=_SECONDS).raise_for_status()
            judged, wrong = judged + 1, wrong + is_wrong
    return answered, judged, wrong


def main() -> None:
    """Be all callers, a few at once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("address", nargs="?", default="http://localhost:8080", help="of the service")
    parser.add_argument("--callers", type=int, default=150, help="how many (default: 150)")
    parser.add_argument(
        "--from", dest="first", type=int, default=0, help="the first one's number (default: 0)"
    )
    parser.add_argument(
        "--pause",
        type=float,
        default=0.0,
        help="seconds that a caller waits before each picture, which gives a shadow time (default: 0)",
    )
    arguments = parser.parse_args()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        numbers = range(arguments.first, arguments.first + arguments.callers)
        done = list(pool.map(lambda number: call(arguments.address, number, arguments.pause), numbers))
    answered, judged, wrong = (sum(column) for column in zip(*done, strict=True))
    print(
        f"{len(done):,} callers: {answered:,} pictures answered, {judged:,} judged, {wrong:,} reported wrong"
    )


if __name__ == "__main__":
    main()
