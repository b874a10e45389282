"""The variables of the bootstrap and its commands."""

import pytest

from pygeoapi_prefect.bootstrap.__main__ import buckets_of, days_of, run
from pygeoapi_prefect.errors import ConfigurationError


def test_buckets_have_defaults_and_names_of_the_operators() -> None:
    assert buckets_of({}) == {"code": "pygeoapi-flows", "results": "pygeoapi-results"}
    assert buckets_of({"CODE_BUCKET": "", "RESULT_BUCKET": "mine"}) == {
        "code": "pygeoapi-flows",
        "results": "mine",
    }


@pytest.mark.parametrize(("text", "days"), [("", None), ("1", 1), ("30", 30)])
def test_days(text: str, days: int | None) -> None:
    assert days_of({"RESULT_DAYS": text}) == days


@pytest.mark.parametrize("text", ["0", "-1", "soon", "1.5", "30d"])
def test_other_days_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="RESULT_DAYS"):
        days_of({"RESULT_DAYS": text})


def test_an_unknown_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "https://s3.example.org")
    with pytest.raises(ConfigurationError, match="unknown command 'exprot'"):
        run("exprot")
