from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from pygeoapi_prefect.embedded import example
from pygeoapi_prefect.embedded.errors import EmbeddedError


def client(*statuses: Mapping[str, object]) -> httpx.Client:
    replies = iter(statuses)
    return httpx.Client(
        base_url="http://test",
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json=next(replies))),
    )


def test_a_job_is_told_whenever_it_changes() -> None:
    running = {"status": "running", "progress": 40, "message": "Half way"}
    with client({"status": "accepted"}, running, running, {"status": "failed"}) as http:
        told = [example.in_words(job) for job in example.follow(http, "job")]

    assert told == ["accepted", "running 40 %: Half way", "failed"]


def test_a_job_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "JOB_SECONDS", 0.2)
    running = client(*[{"status": "running"}] * 10)
    with running as http, pytest.raises(EmbeddedError, match="did not end"):
        list(example.follow(http, "job"))


def test_long_lines_of_a_result_are_cut() -> None:
    text = example.shown(httpx.Response(200, text=f"short\n{'x' * 500}\n"))

    assert text.splitlines()[0] == "  short"
    assert text.endswith(f"{'x' * example.SHOWN_WIDTH} ...")


def test_an_error_instead_of_results_is_said() -> None:
    with pytest.raises(EmbeddedError, match="answered with status 404: gone"):
        example.shown(httpx.Response(404, text="gone"))


def test_a_missing_example_is_said(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="was not found in"):
        example.read_request([tmp_path])
