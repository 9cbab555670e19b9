"""The session that the function sends with each image, by which a service may split its traffic."""

from __future__ import annotations

from dataclasses import replace

from overlays import IMAGE
from stub_service import StubService

from service import Service
from settings import Settings


def test_a_session_is_that_of_the_object_whatever_its_name(service: StubService) -> None:
    client = Service(
        Settings.from_environment(
            {
                "RESULT_BUCKET": "results",
                "RESULT_TOPIC": "projects/local/topics/results",
                "SERVICE_URL": service.url,
                "SERVICE_API_KEY": "secret",
            }
        )
    )
    again = replace(IMAGE, generation="2")
    other = replace(IMAGE, name="plates/ü 1#\n?.png")
    for number, image in enumerate((IMAGE, IMAGE, again, other)):
        client.segment(b"cell", image, str(number))

    first, second, third, fourth = (headers["X-Session"] for headers in service.headers)
    assert first == second == third != fourth
    assert all(session.isalnum() and len(session) == 32 for session in (first, fourth))
