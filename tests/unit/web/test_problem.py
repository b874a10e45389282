"""Exceptions as answers, by the table of ``errors``."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, abort, request
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

from pygeoapi_prefect import errors
from pygeoapi_prefect.web import problem

DETAIL = "what went wrong"


def tree(cls: type[errors.StackError]) -> Iterator[type[errors.StackError]]:
    yield cls
    for child in cls.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


def page(told: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(f"<h1>{told['title']}</h1>", told["status"], headers, content_type="text/html")


def client_for(error: Exception) -> FlaskClient:
    app = Flask("test")
    app.config["MAX_CONTENT_LENGTH"] = 10

    def view() -> str:
        raise error

    app.add_url_rule("/", "view", view, methods=["GET"])
    app.add_url_rule("/body", "body", lambda: request.get_data(), methods=["POST"])
    problem.register(app, page)
    return app.test_client()


RETRIED = (errors.KeyInUse, errors.TooManyJobs, errors.TooManyRequests)
"""Errors beside 503 that end by themselves, so that the answer says when to retry."""


def raised(cls: type[errors.StackError]) -> errors.StackError:
    """An error of a class, of which some have a second argument."""
    further: dict[type[errors.StackError], list[Any]] = {
        errors.TooManyRequests: [7],
        errors.Forbidden: ["admin"],
    }
    return cls(DETAIL, *further.get(cls, []))


@pytest.mark.parametrize("cls", list(tree(errors.StackError)))
def test_every_error_has_its_answer(cls: type[errors.StackError]) -> None:
    error = raised(cls)
    reply = client_for(error).get("/")
    assert reply.status_code == cls.status
    assert reply.headers["Content-Type"] == "application/problem+json"
    body = json.loads(reply.data)
    assert (body["type"], body["title"]) == (cls.type, cls.title)
    assert body["status"] == reply.status_code
    hidden = issubclass(cls, errors.ConfigurationError)
    assert (DETAIL in body["detail"]) != hidden
    assert ("Only an operator can correct this" in body["detail"]) == hidden
    told = reply.headers.get("Retry-After")
    assert told == (None if error.retry_after is None else str(error.retry_after))
    assert (told is not None) == (cls.status == 503 or cls in RETRIED)


def test_types_are_those_of_the_standard() -> None:
    for cls in tree(errors.StackError):
        assert cls.type == "about:blank" or cls.type.startswith(errors.OGC_EXCEPTIONS)
    statuses = {cls.type: int(cls.status) for cls in tree(errors.StackError)}
    known = {name: statuses[errors.OGC_EXCEPTIONS + name] for name in ("no-such-process",
             "no-such-job", "result-not-ready", "job-dismissed", "missing-parameter-value",
             "invalid-parameter-value")}  # fmt: skip
    assert known == {
        "no-such-process": 404,
        "no-such-job": 404,
        "result-not-ready": 404,
        "job-dismissed": 410,
        "missing-parameter-value": 400,
        "invalid-parameter-value": 400,
    }


def test_a_failure_can_have_a_status_and_a_type_of_its_own() -> None:
    error = errors.JobFailedError(DETAIL, status=422, type="https://example.org/type")
    reply = client_for(error).get("/")
    assert (reply.status_code, json.loads(reply.data)["type"]) == (422, "https://example.org/type")
    assert errors.JobFailedError.status == 500


def test_what_nobody_expected_is_in_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    reply = client_for(ValueError("secret")).get("/")
    assert reply.status_code == 500
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert b"secret" not in reply.data
    assert "Report the time of the request to the operator" in json.loads(reply.data)["detail"]
    assert any(record.exc_info and "/ failed" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("error", "levels"),
    [
        (errors.EngineUnavailable, [logging.ERROR]),
        (errors.ConfigurationError, [logging.ERROR]),
        (errors.JobFailedError, [logging.WARNING]),
        (errors.SyncTimeout, [logging.WARNING]),
        (errors.TooBusy, [logging.WARNING]),
        (errors.JobNotFoundError, []),
    ],
)
def test_what_an_operator_has_to_see_is_logged(
    caplog: pytest.LogCaptureFixture, error: type[errors.StackError], levels: list[int]
) -> None:
    """What clients provoke is no error of the server's."""
    with caplog.at_level(logging.INFO):
        client_for(error(DETAIL)).get("/")
    assert [one.levelno for one in caplog.records if DETAIL in one.getMessage()] == levels


def test_flasks_own_errors_are_problems_too() -> None:
    reply = client_for(ValueError()).get("/nothing")
    assert (reply.status_code, json.loads(reply.data)["title"]) == (404, "Not Found")
    reply = client_for(ValueError()).delete("/")
    assert (reply.status_code, reply.headers["Content-Type"]) == (405, "application/problem+json")
    assert "GET" in reply.headers["Allow"]
    reply = client_for(ValueError()).post("/body", data=b"x" * 11)
    assert reply.status_code == 413
    assert json.loads(reply.data)["detail"] == "The request body is larger than 10 bytes"


def test_a_ready_response_stays_what_it_is() -> None:
    with pytest.raises(HTTPException) as caught:
        abort(Response("tea", 418))
    reply = client_for(caught.value).get("/")
    assert (reply.status_code, reply.data) == (418, b"tea")


def test_a_reader_gets_a_page_and_a_program_a_problem() -> None:
    client = client_for(errors.JobNotFoundError(DETAIL))
    browser = {"Accept": "text/html, */*;q=0.8"}
    shown = client.get("/", headers=browser)
    assert (shown.status_code, shown.text) == (404, "<h1>No such job</h1>")
    assert client.get("/?f=html").text == shown.text
    for reply in (client.get("/"), client.get("/?f=json", headers=browser)):
        assert reply.headers["Content-Type"] == "application/problem+json"
    posted = client.post("/body", data=b"x" * 20, headers=browser)
    assert posted.status_code == 413
    assert posted.headers["Content-Type"] == "application/problem+json"
