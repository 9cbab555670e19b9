from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.configuration.settings import DEFINITIONS, BadSetting, Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert settings.models == ("nuclei", "people")
    assert settings.max_bytes == 20 * 1024 * 1024
    assert settings.max_pixels == 50_000_000


def test_the_docs_have_every_setting_with_its_default_and_reason() -> None:
    page = (Path(__file__).parents[3] / "docs" / "settings.md").read_text(encoding="utf-8")
    for definition in DEFINITIONS:
        assert f"| `{definition.name}` | {definition.default} | {definition.description} |\n" in page


def test_how_models_run_is_left_open_unless_it_is_said() -> None:
    open_ = Settings.from_environment({"MASKSERVE_ENGINE": "", "MASKSERVE_PRECISION": ""})
    assert (open_.engine, open_.precision) == (None, None)
    said = Settings.from_environment({"MASKSERVE_ENGINE": "openvino", "MASKSERVE_PRECISION": "int8"})
    assert (said.engine, said.precision) == ("openvino", "int8")
    with pytest.raises(BadSetting, match="one of f32, bf16, int8, not 'fp16'"):
        Settings.from_environment({"MASKSERVE_PRECISION": "fp16"})


def test_the_threads_of_an_inference_are_left_open_unless_they_are_said() -> None:
    assert Settings.from_environment({"MASKSERVE_INFERENCE_THREADS": ""}).inference_threads is None
    said = Settings.from_environment({"MASKSERVE_PROCESSES": "3", "MASKSERVE_INFERENCE_THREADS": "2"})
    assert (said.processes, said.inference_threads) == (3, 2)


def test_the_environment_overrides_the_defaults() -> None:
    settings = Settings.from_environment(
        {"MASKSERVE_MODELS": " nuclei, coco,nuclei ", "MASKSERVE_QUEUE": "0"}
    )
    assert settings.models == ("nuclei", "coco")
    assert settings.queue == 0


@pytest.mark.parametrize(("text", "seconds"), [("5", 5.0), (".5", 0.5), ("2.", 2.0), ("1e2", 100.0)])
def test_seconds_are_written_as_any_number(text: str, seconds: float) -> None:
    assert Settings.from_environment({"MASKSERVE_URL_TIMEOUT": text}).url_timeout == seconds


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("MASKSERVE_MODELS", " , ", "one or more names"),
        ("MASKSERVE_MAX_BYTES", "20 MiB", "a whole number, 1 or more"),
        ("MASKSERVE_MAX_PIXELS", "0", "a whole number, 1 or more"),
        ("MASKSERVE_PROCESSES", "0", "a whole number from 1 to 128"),
        ("MASKSERVE_PROCESSES", "", "a whole number from 1 to"),
        ("MASKSERVE_INFERENCE_THREADS", "0", "a whole number from 1 to"),
        ("MASKSERVE_INFERENCE_THREADS", "1.5", "a whole number from 1 to"),
        ("MASKSERVE_QUEUE", "-1", "a whole number from 0 to"),
        ("MASKSERVE_QUEUE", "1_0", "a whole number from 0 to"),
        ("MASKSERVE_QUEUE_TIMEOUT", "0", "a number of seconds from 0.1"),
        ("MASKSERVE_UPLOAD_TIMEOUT", "nan", "a number of seconds from 0.1"),
        ("MASKSERVE_UPLOAD_TIMEOUT", "1_0", "a number of seconds from 0.1"),
        ("MASKSERVE_REQUEST_TIMEOUT", " 5 ", "a number of seconds from 0.1"),
        ("MASKSERVE_URL_TIMEOUT", "", "a number of seconds from 0.1"),
        ("MASKSERVE_UPLOAD_TIMEOUT", "120.5", "a number of seconds from 0.1 to 120"),
        ("MASKSERVE_QUEUE_TIMEOUT", "200", "a number of seconds from 0.1 to 120"),
        ("MASKSERVE_MAX_HEADER_BYTES", "99999", "a whole number from 4096 to 65535"),
        ("PORT", "abc", "a whole number from 1 to 65535"),
        ("PORT", "", "a whole number from 1 to 65535"),
        ("PORT", "0", "a whole number from 1 to 65535"),
        ("PORT", "65536", "a whole number from 1 to 65535"),
        ("PORT", "8080/tcp", "a whole number from 1 to 65535"),
    ],
)
def test_a_bad_value_names_its_variable_and_what_is_allowed(name: str, text: str, allowed: str) -> None:
    with pytest.raises(BadSetting, match=f"{name} must be {allowed}.*, not '{text}'"):
        Settings.from_environment({name: text})


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("MASKSERVE_PORT", "did you mean PORT"),
        ("MASKSERVE_MODEL", "did you mean MASKSERVE_MODELS"),
        ("MASKSERVE_MAXBYTES", "did you mean MASKSERVE_MAX_BYTES"),
        ("MASKSERVE_PROCESS", "did you mean MASKSERVE_PROCESSES"),
        ("MASKSERVE_THREADS", "docs/settings.md"),
        ("MASKSERVE_queue", "docs/settings.md"),
        ("MASKSERVE_WORLD_PEACE", "docs/settings.md"),
    ],
)
def test_a_setting_that_there_is_not_is_refused_with_the_nearest_that_there_are(
    name: str, advice: str
) -> None:
    with pytest.raises(BadSetting, match=f"there is no setting {name}; .*{advice}"):
        Settings.from_environment({name: "8093"})


def test_what_others_read_and_what_kubernetes_sets_is_no_setting_of_ours() -> None:
    environment = {
        "PORT": "8093",
        "PATH": "/bin",
        "MASKSERVE_MODEL_DIR": "/models",
        # of a Kubernetes service named maskserve
        "MASKSERVE_SERVICE_HOST": "10.0.0.1",
        "MASKSERVE_SERVICE_PORT": "80",
        "MASKSERVE_SERVICE_PORT_HTTP": "80",
        "MASKSERVE_PORT": "tcp://10.0.0.1:80",
        "MASKSERVE_PORT_80_TCP": "tcp://10.0.0.1:80",
        "MASKSERVE_PORT_80_TCP_PROTO": "tcp",
        "MASKSERVE_PORT_80_TCP_PORT": "80",
        "MASKSERVE_PORT_80_TCP_ADDR": "10.0.0.1",
        # and of one named maskserve-gpu
        "MASKSERVE_GPU_SERVICE_HOST": "10.0.0.2",
        "MASKSERVE_GPU_PORT": "tcp://10.0.0.2:80",
    }
    assert Settings.from_environment(environment) == Settings()


def test_the_longest_timeouts_leave_a_minute_for_an_inference_before_the_process_is_replaced() -> None:
    longest = Settings.from_environment(
        {
            "MASKSERVE_UPLOAD_TIMEOUT": "120",
            "MASKSERVE_QUEUE_TIMEOUT": "120",
            "MASKSERVE_REQUEST_TIMEOUT": "240",
        }
    )
    assert longest.upload_timeout + longest.queue_timeout + 60 <= longest.worker_timeout
    assert longest.request_timeout + 60 <= longest.worker_timeout


def test_every_setting_has_a_line_of_help() -> None:
    for definition in DEFINITIONS:
        assert re.fullmatch(r"(MASKSERVE|AIP)_[A-Z_]+", definition.name)
        assert definition.description.endswith(".")


def test_uwsgi_has_the_same_defaults() -> None:
    configuration = (Path(__file__).parents[3] / "uwsgi.ini").read_text()
    assert f"set-placeholder = waiting={Settings().queue}\n" in configuration
    assert f"set-placeholder = copies={Settings().processes}\n" in configuration
    assert f"set-placeholder = patience={Settings().worker_timeout}\n" in configuration


def test_a_secret_is_shown_neither_with_the_settings_nor_in_a_complaint() -> None:
    assert "s3cret" not in repr(Settings.from_environment({"MASKSERVE_API_KEYS": "s3cret"}))
    with pytest.raises(BadSetting, match="MASKSERVE_RATE_LIMIT_STORAGE must be") as raised:
        Settings.from_environment({"MASKSERVE_RATE_LIMIT_STORAGE": "s3cret"})
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"MASKSERVE_URL_FETCH": "allowlist"}, "MASKSERVE_URL_HOSTS must name hosts"),
        (
            {"MASKSERVE_MAX_BATCH_BYTES": "1000"},
            "MASKSERVE_MAX_BATCH_BYTES must be at least MASKSERVE_MAX_BYTES",
        ),
        ({"MASKSERVE_PATH_ROOT": "/no/such/folder"}, "MASKSERVE_PATH_ROOT must be an existing folder"),
        ({"MASKSERVE_URL_HOSTS": "https://x.example/"}, "MASKSERVE_URL_HOSTS must be host names"),
        ({"MASKSERVE_GCS_BUCKETS": "gs://x"}, "MASKSERVE_GCS_BUCKETS must be bucket names"),
    ],
)
def test_what_could_never_work_is_refused(environment: dict[str, str], complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        Settings.from_environment(environment)


def test_a_worker_that_would_end_for_a_slow_request_is_warned_of() -> None:
    assert not list(Settings().advice())
    (advice,) = Settings.from_environment({"MASKSERVE_WORKER_TIMEOUT": "60"}).advice()
    assert "well above the 120 s" in advice
