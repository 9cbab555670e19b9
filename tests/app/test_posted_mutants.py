"""Mutants of pictures, posted to the whole service; scripts/fuzz_pictures.py posts thousands of them."""

from __future__ import annotations

from scripts.fuzz_pictures import fuzz


def test_a_mutant_is_never_the_services_fault_and_the_next_request_works() -> None:
    outcome = fuzz(first=0, count=320, through_app=True)

    assert outcome.complaints == []
    assert set(outcome.answers) <= {"200", "400", "413", "415", "422"}
    assert outcome.answers["200"] > 20
