from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.settings import DEFINITIONS, BadSetting, Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert settings.models == ("nuclei",)
    assert settings.max_bytes == 20 * 1024 * 1024
    assert settings.max_pixels == 50_000_000


def test_the_docs_have_every_setting_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    for definition in DEFINITIONS:
        row = re.search(rf"^\| `{definition.name}` \| `?([^|`]*?)`? \|", page, re.MULTILINE)
        assert row is not None, f"{definition.name} is missing from docs/settings.md"
        assert row[1] == definition.default


def test_the_environment_overrides_the_defaults() -> None:
    settings = Settings.from_environment(
        {"MASKSERVE_MODELS": " nuclei, coco,nuclei ", "MASKSERVE_QUEUE": "0"}
    )
    assert settings.models == ("nuclei", "coco")
    assert settings.queue == 0


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("MASKSERVE_MODELS", " , ", "one or more names"),
        ("MASKSERVE_MAX_BYTES", "20 MiB", "a whole number, 1 or more"),
        ("MASKSERVE_MAX_PIXELS", "0", "a whole number, 1 or more"),
        ("MASKSERVE_QUEUE", "-1", "a whole number, 0 or more"),
        ("MASKSERVE_QUEUE_TIMEOUT", "0", "a number of seconds above 0"),
        ("MASKSERVE_UPLOAD_TIMEOUT", "nan", "a number of seconds above 0"),
    ],
)
def test_a_bad_value_names_its_variable_and_what_is_allowed(name: str, text: str, allowed: str) -> None:
    with pytest.raises(BadSetting, match=f"{name} must be {allowed}.*, not '{text}'"):
        Settings.from_environment({name: text})


def test_every_setting_has_a_line_of_help() -> None:
    for definition in DEFINITIONS:
        assert re.fullmatch(r"MASKSERVE_[A-Z_]+", definition.name)
        assert definition.description.endswith(".")


def test_uwsgi_counts_its_threads_from_the_same_default_queue() -> None:
    configuration = (Path(__file__).parents[2] / "uwsgi.ini").read_text()
    assert f"set-placeholder = waiting={Settings().queue}\n" in configuration
