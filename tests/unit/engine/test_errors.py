"""One rule tells an outage of Prefect from an answer of Prefect."""

import httpx
import pytest
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine.client import answered_by_prefect
from pygeoapi_prefect.engine.errors import had_no_effect, is_outage, translate_errors
from pygeoapi_prefect.engine.routes import filter_runs, read_run
from pygeoapi_prefect.errors import EngineUnavailable

REQUEST = httpx.Request("GET", "http://127.0.0.1:4200/api/ready")


def answer(status: int) -> httpx.HTTPStatusError:
    response = httpx.Response(status, request=REQUEST)
    return httpx.HTTPStatusError("", request=REQUEST, response=response)


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503, 504])
def test_these_answers_are_outages(status: int) -> None:
    assert is_outage(answer(status))
    with pytest.raises(EngineUnavailable, match=str(status)), translate_errors():
        raise answer(status)


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (httpx.ConnectError(""), True),
        (httpx.ConnectTimeout(""), True),
        (httpx.PoolTimeout(""), True),
        (answer(401), True),
        (answer(429), True),
        (answer(500), False),
        (answer(504), False),
        (httpx.ReadTimeout(""), False),
        (httpx.WriteError(""), False),
        (httpx.RemoteProtocolError(""), False),
        (ConnectionResetError(), False),
    ],
)
def test_what_may_have_had_an_effect(cause: Exception, expected: bool) -> None:
    with pytest.raises(EngineUnavailable) as caught, translate_errors():
        raise cause
    assert had_no_effect(caught.value) is expected


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_rejected_request_is_an_answer(status: int) -> None:
    assert not is_outage(answer(status))
    with pytest.raises(httpx.HTTPStatusError), translate_errors():
        raise answer(status)


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError(""), httpx.ReadTimeout(""), ConnectionResetError(), TimeoutError()],
)
def test_no_answer_is_an_outage(error: Exception) -> None:
    assert is_outage(error)
    with pytest.raises(EngineUnavailable), translate_errors():
        raise error


def test_what_an_outage_caused_is_an_outage() -> None:
    error = RuntimeError("the flow could not be loaded")
    error.__cause__ = ValueError()
    error.__cause__.__cause__ = answer(502)
    assert is_outage(error)
    error.__cause__.__cause__ = answer(422)
    assert not is_outage(error)
    assert not is_outage(None)


def test_a_404_is_an_outage_only_where_prefect_always_answers() -> None:
    with pytest.raises(ObjectNotFound), answered_by_prefect(read_run("1")), translate_errors():
        raise answer(404)
    runs = filter_runs({}, limit=1, offset=0)
    outage = pytest.raises(EngineUnavailable, match="PREFECT_API_URL")
    with outage, answered_by_prefect(runs), translate_errors():
        raise answer(404)


def test_values_of_a_path_are_percent_encoded() -> None:
    assert read_run("a/../b?c#d").path == "/flow_runs/a%2F..%2Fb%3Fc%23d"
