"""Limits on the requests of one client, and the memory that they take."""

import tracemalloc

import pytest
from flask import Flask, Response

from pygeoapi_prefect.errors import Quota, TooManyJobs, TooManyRequests
from pygeoapi_prefect.web import problem, rates
from pygeoapi_prefect.web.rates import BUCKETS, Rates


def test_each_limit_holds() -> None:
    limits = Rates(["3/hour", "2/minute"])
    assert limits.policy == '"3 per 1 hour";q=3;w=3600, "2 per 1 minute";q=2;w=60'
    limits.count("a")
    limits.count("a")
    with pytest.raises(TooManyRequests, match="2 per 1 minute") as refused:
        limits.count("a")
    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 60
    with pytest.raises(TooManyRequests, match="3 per 1 hour and 2 per 1 minute") as refused:
        limits.count("a")
    assert (refused.value.retry_after or 0) > 60
    assert limits.remaining("a").count(";r=0;") == 2


def test_many_addresses_take_little_memory() -> None:
    limits = Rates(["1000000/hour", "1000000/day"])
    tracemalloc.start()
    try:
        for number in range(100_000):
            limits.count(f"address {number}")
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(limits._limiter.storage.storage) == 2 * BUCKETS  # type: ignore[attr-defined]
    assert used < 8 * 1024 * 1024


def test_a_response_names_the_other_bound_too() -> None:
    app = Flask("toy")
    problem.register(app, lambda *_: Response())
    rates.prepare(app, ["5/minute"])

    @app.get("/")
    def view() -> str:
        raise TooManyJobs("no more", Quota("waiting jobs of one client", 7))

    environ = {"REMOTE_ADDR": "192.0.2.1"}
    reply = app.test_client().get("/", environ_base=environ)
    assert reply.status_code == 429
    assert reply.headers["RateLimit-Policy"] == (
        '"waiting jobs of one client";q=7, "5 per 1 minute";q=5;w=60'
    )
    assert reply.headers["RateLimit"].startswith(
        '"waiting jobs of one client";r=0;t=10, "5 per 1 minute";r=4;t='
    )
