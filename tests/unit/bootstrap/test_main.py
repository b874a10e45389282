"""The commands of the bootstrap, and its buckets."""

import pytest

from pygeoapi_prefect.bootstrap.__main__ import buckets, run
from pygeoapi_prefect.errors import ConfigurationError


def s3_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "https://s3.example.invalid")


def test_buckets_have_defaults_and_names_of_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE_BUCKET", "")
    monkeypatch.setenv("RESULT_BUCKET", "mine")
    assert buckets() == {"code": "pygeoapi-flows", "results": "mine"}


def test_invalid_days_are_refused_before_the_store_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3_variables(monkeypatch)
    monkeypatch.setenv("RESULT_DAYS", "soon")
    with pytest.raises(ConfigurationError, match="RESULT_DAYS: "):
        run("")


def test_an_unknown_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    s3_variables(monkeypatch)
    with pytest.raises(ConfigurationError, match="unknown command 'exprot'"):
        run("exprot")


@pytest.mark.parametrize("command", ["drain", "resume"])
def test_seconds_that_are_no_number_are_refused(command: str) -> None:
    with pytest.raises(ConfigurationError, match="'soon' is not a number of seconds"):
        run(f"{command} soon")
