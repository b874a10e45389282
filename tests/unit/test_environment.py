"""Settings from environment variables."""

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pygeoapi_prefect.environment import (
    BucketSettings,
    EnvironmentSettings,
    ExpirySettings,
    LogSettings,
    OutgoingSettings,
    WorkerSettings,
)
from pygeoapi_prefect.errors import ConfigurationError

CLASSES = EnvironmentSettings.__subclasses__()
VARIABLES = {
    str(field.validation_alias): (kind, name)
    for kind in CLASSES
    for name, field in kind.model_fields.items()
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    outgoing, worker = OutgoingSettings.from_env(), WorkerSettings.from_env()
    assert outgoing.allowed_hosts == ()
    assert (outgoing.max_bytes, outgoing.timeout_seconds) == (1 << 30, 300)
    assert (worker.preload, worker.grace_seconds) == ((), 7)
    log, buckets = LogSettings.from_env(), BucketSettings.from_env()
    assert (log.max_lines, log.max_mb) == (2_000_000, 512)
    assert (buckets.code, buckets.results) == ("pygeoapi-flows", "pygeoapi-results")
    assert ExpirySettings.from_env().result_days is None


@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_variable_counts_as_not_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, _ = VARIABLES[name]
    plain = kind.from_env()
    monkeypatch.setenv(name, "")
    assert kind.from_env() == plain


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("OUTGOING_ALLOWED_HOSTS", " Data.example.org, ::1 ,", ("data.example.org", "::1")),
        ("OUTGOING_MAX_BYTES", "1000", 1000),
        ("OUTGOING_TIMEOUT_SECONDS", "2.5", 2.5),
        ("PYGEOAPI_WORKER_PRELOAD", "numpy, my.Module,,", ("numpy", "my.Module")),
        ("PYGEOAPI_WORKER_GRACE_SECONDS", "0.5", 0.5),
        ("PYGEOAPI_LOG_MAX_LINES", "7", 7),
        ("PYGEOAPI_LOG_MAX_MB", "3", 3),
        ("CODE_BUCKET", "mine", "mine"),
        ("RESULT_BUCKET", "mine", "mine"),
        ("RESULT_DAYS", "30", 30),
    ],
)
def test_the_environment_wins(
    name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, field = VARIABLES[name]
    monkeypatch.setenv(name, text)
    assert getattr(kind.from_env(), field) == value


def test_only_the_exact_name_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("outgoing_max_bytes", "max_bytes", "MAX_BYTES"):
        monkeypatch.setenv(name, "1000")
    assert OutgoingSettings.from_env().max_bytes == 1 << 30


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("OUTGOING_MAX_BYTES", text) for text in ("much", "0", "-1")),
        *(("OUTGOING_TIMEOUT_SECONDS", text) for text in ("soon", "0", "-1")),
        ("PYGEOAPI_WORKER_GRACE_SECONDS", "long"),
        *(("RESULT_DAYS", text) for text in ("0", "-1", "soon", "1.5", "30d", "1_0", "+1", "7.0")),
    ],
)
def test_an_invalid_value_is_reported_on_one_line_with_its_variable(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, _ = VARIABLES[name]
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigurationError) as refused:
        kind.from_env()
    assert re.fullmatch(rf"{name}: Input should be .+", str(refused.value))


def test_every_invalid_value_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTGOING_MAX_BYTES", "much")
    monkeypatch.setenv("OUTGOING_TIMEOUT_SECONDS", "0")
    with pytest.raises(ConfigurationError) as refused:
        OutgoingSettings.from_env()
    told = [line.partition(":")[0] for line in str(refused.value).split("; ")]
    assert told == ["OUTGOING_MAX_BYTES", "OUTGOING_TIMEOUT_SECONDS"]


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "1_000", "7.0"])
def test_an_invalid_limit_of_a_log_is_ignored_with_a_warning(
    text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYGEOAPI_LOG_MAX_LINES", text)
    monkeypatch.setenv("PYGEOAPI_LOG_MAX_MB", "3")
    with caplog.at_level(logging.WARNING, "pygeoapi_prefect"):
        found = LogSettings.from_env()
    assert (found.max_lines, found.max_mb) == (2_000_000, 3)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"PYGEOAPI_LOG_MAX_LINES={text} is not a positive number; using the default"
    )


def test_no_file_is_read(tmp_path: Path) -> None:
    program = (
        "from pygeoapi_prefect.environment import BucketSettings\n"
        "print(BucketSettings.from_env().code)\n"
    )
    (tmp_path / ".env").write_text("CODE_BUCKET=other\n")
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "pygeoapi-flows\n"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        OutgoingSettings.from_env().max_bytes = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_field_has_what_its_row_of_the_documentation_needs(name: str) -> None:
    kind, field_name = VARIABLES[name]
    field = kind.model_fields[field_name]
    assert re.fullmatch(r"[A-Z][A-Z_]+", name)
    assert field.description
    assert isinstance(field.json_schema_extra, dict)
    assert field.json_schema_extra["read_by"]
    assert not field.is_required()
