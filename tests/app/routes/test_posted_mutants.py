"""Mutants of pictures, posted to the whole service; scripts/fuzz_pictures.py posts thousands of them."""

from __future__ import annotations

import io

from PIL import Image

from scripts.fuzz_pictures import fuzz, posting


def test_a_mutant_is_never_the_services_fault_and_the_next_request_works() -> None:
    outcome = fuzz(range(320), posting())

    assert outcome.complaints == []
    assert set(outcome.answers) <= {"200", "400", "413", "415", "422"}
    assert outcome.answers["200"] > 20


def test_too_many_frames_are_413_and_the_next_request_works(client, png) -> None:
    frames = [Image.new("L", (2, 2), number % 250) for number in range(1001)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])

    answer = client.post("/api/v1/segment", data=file.getvalue(), content_type="image/gif")

    assert answer.status_code == 413
    assert "more than 1,000 pages or frames" in answer.json["detail"]
    assert client.post("/api/v1/segment", data=png, content_type="image/png").status_code == 200
