"""Lines of the audit log: JSON, one each, whatever a client has sent."""

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from pygeoapi_prefect.access import audit


def test_a_line_is_an_object_with_its_time() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    told = json.loads(audit.line("execute", "ok", principal="key:ann", status=201, job=None))
    assert before <= datetime.fromisoformat(told.pop("time")) <= datetime.now(UTC)
    assert told == {
        "action": "execute", "outcome": "ok", "principal": "key:ann", "status": 201, "job": None
    }  # fmt: skip


@pytest.mark.parametrize("evil", ["a\nb", "\x1b[31m", "\u2028", '"}', "\ud800", "\u202e"])
def test_no_value_begins_another_line(evil: str) -> None:
    line = audit.line("execute", "ok", job=evil)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["job"] == evil


def test_a_value_is_cut() -> None:
    assert json.loads(audit.line("access", "refused", path="/" + "x" * 9999))["path"] == (
        "/" + "x" * 199
    )


def test_standard_error_gets_whole_lines_once(capfd: pytest.CaptureFixture[str]) -> None:
    """In a process of its own: handlers stay."""
    script = (
        "import logging; from pygeoapi_prefect.access import audit\n"
        "logging.basicConfig(level='CRITICAL')\n"
        "audit.to_stderr(); audit.to_stderr()\n"
        "audit.write('sign-in', 'ok', name='ann')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    [line] = capfd.readouterr().err.splitlines()
    assert json.loads(line.removeprefix("audit "))["name"] == "ann"


def test_the_level_of_other_loggers_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        audit.write("dismiss", "ok", job="j")
    finally:
        root.setLevel(level)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("pygeoapi_prefect.audit", "INFO")
    word, _, rest = record.getMessage().partition(" ")
    assert (word, json.loads(rest)["job"]) == ("audit", "j")
