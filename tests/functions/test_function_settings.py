"""A wrong setting is told at start, by its name, with what is allowed; and each is in the docs."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from results import _LONGEST_TRY
from settings import BadSetting, Settings

ROOT = Path(__file__).parents[2]
FRAMEWORK = ROOT / ".venv" / "function" / "bin" / "functions-framework"
NEEDED = {
    "RESULT_BUCKET": "results",
    "RESULT_TOPIC": "projects/a-project/topics/results",
    "SERVICE_URL": "https://maskserve.example.com/",
}


def test_three_settings_are_enough() -> None:
    settings = Settings.from_environment({**NEEDED, "HOME": "/root"})

    assert settings.service_url == "https://maskserve.example.com"
    assert settings.service_api_key is None
    assert settings.max_bytes == 20 * 2**20


def test_a_key_from_a_file_loses_its_line_end() -> None:
    settings = Settings.from_environment({**NEEDED, "SERVICE_API_KEY": " s3cret\r\n"})

    assert settings.service_api_key == "s3cret"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RESULT_BUCKET", "my_results.example.com"),
        ("SERVICE_URL", "http://127.0.0.1:8080"),
        ("SERVICE_URL", "http://[::1]:8080/below"),
        ("SERVICE_URL", "http://mask_serve:65535"),
        ("SERVICE_URL", "https://bücher.example."),
        ("SERVICE_TIMEOUT", "3600"),
    ],
)
def test_what_can_be_is_taken_as_it_is(name: str, value: str) -> None:
    settings = Settings.from_environment({**NEEDED, name: value})

    assert str(getattr(settings, name.lower())) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RESULT_BUCKET", None),
        ("RESULT_BUCKET", ""),
        ("RESULT_BUCKET", "gs://results"),
        ("RESULT_BUCKET", "Results"),
        ("RESULT_BUCKET", "a..b"),
        ("RESULT_BUCKET", "a.-b"),
        ("RESULT_BUCKET", "ab"),
        ("RESULT_BUCKET", "a" * 64),
        ("RESULT_TOPIC", None),
        ("RESULT_TOPIC", "results"),
        ("RESULT_TOPIC", "projects/a-project/topics/x"),
        ("SERVICE_URL", None),
        ("SERVICE_URL", "maskserve.example.com"),
        ("SERVICE_URL", "https://maskserve.example.com/?a=b"),
        ("SERVICE_URL", "https://key@maskserve.example.com"),
        ("SERVICE_URL", "https://:8080"),
        ("SERVICE_URL", "https://a:99999"),
        ("SERVICE_URL", "https://a:0"),
        ("SERVICE_URL", "https://a:b"),
        ("SERVICE_URL", "http://[::1"),
        ("SERVICE_URL", "http://[::g]"),
        ("SERVICE_URL", "http://::1"),
        ("SERVICE_URL", "https://exa..mple.com"),
        ("SERVICE_URL", "https://.example.com"),
        ("SERVICE_URL", "https://exa*mple.com"),
        ("SERVICE_URL", f"https://{'a' * 64}.com"),
        ("SERVICE_API_KEY", "two words"),
        ("SERVICE_API_KEY", "schlüssel"),
        ("SERVICE_TIMEOUT", "4m"),
        ("SERVICE_TIMEOUT", "3601"),
        ("MAX_BYTES", "-1"),
        ("MAX_BYTES", "1_000"),
        ("MAX_AGE", "0"),
    ],
)
def test_a_bad_setting_is_named_with_what_is_allowed(name: str, value: str | None) -> None:
    environment = {**NEEDED, name: value}
    with pytest.raises(BadSetting, match=f"^{name} must be ") as refused:
        Settings.from_environment({name: text for name, text in environment.items() if text is not None})

    if name == "SERVICE_API_KEY" and value:
        assert value not in str(refused.value)


@pytest.mark.skipif(
    not FRAMEWORK.exists(), reason="the function's environment is missing: make test sets it up"
)
def test_with_a_bad_setting_the_function_does_not_start() -> None:
    environment = {**os.environ, **NEEDED, "RESULT_TOPIC": "results"}
    command = [FRAMEWORK, f"--source={ROOT / 'functions' / 'main.py'}", "--target=segment"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 1
    assert ended.stderr == (
        "The function cannot start: RESULT_TOPIC must be a topic's full name, projects/PROJECT/topics/TOPIC,"
        " not 'results'.\n"
    )


def test_a_try_is_taken_for_dead_only_after_its_request_has_ended() -> None:
    (timeout,) = re.findall(r"--timeout=([0-9]+) ", (ROOT / "scripts" / "gcp" / "events.sh").read_text())
    service_timeout = Settings.from_environment(NEEDED).service_timeout

    assert timedelta(seconds=service_timeout) < timedelta(seconds=int(timeout)) < _LONGEST_TRY


def test_every_setting_is_in_the_docs_with_its_default_and_meaning() -> None:
    documented = (ROOT / "docs" / "events.md").read_text()
    for name, definition in Settings.__dataclass_fields__.items():
        default = definition.metadata["default"]
        row = f"| `{name.upper()}` | {default or ''} | {definition.metadata['description']} |"
        assert row in documented
