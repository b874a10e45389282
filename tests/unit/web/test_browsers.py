"""Browsers in a small application: signing in and out, the cookie, the token."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, g

from pygeoapi_prefect.access import key_file
from pygeoapi_prefect.access.gate import Gate
from pygeoapi_prefect.access.keys import generate, now
from pygeoapi_prefect.access.principal import Role
from pygeoapi_prefect.access.sessions import Sessions
from pygeoapi_prefect.access_settings import AccessSettings
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.outgoing import configured
from pygeoapi_prefect.web import browsers, identity, named, problem
from pygeoapi_prefect.web.browsers import SIGN_IN, SIGN_OUT, Browsers

Make = Callable[..., Any]
SECRET = "s" * 43
HTML = {"Accept": "text/html"}
LINKED = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@pytest.fixture
def key(tmp_path: Path) -> str:
    text, stored = generate("ann", [Role.ADMIN], now())
    with key_file.changing(tmp_path / "keys.json") as keys:
        keys.append(stored)
    return text


@pytest.fixture
def make(tmp_path: Path, key: str) -> Make:
    """Makes a client of an application with this public URL."""

    def client(url: str = "http://localhost", anonymous: str = "none", prefix: str = "") -> Any:
        app = Flask("x", static_folder=None)
        access = {"keys": tmp_path / "keys.json", "anonymous": anonymous}
        gate = Gate.of(AccessSettings.model_validate(access), configured.fetch)
        signed_in = Browsers(Sessions(SECRET), Settings(public_url=url), prefix)

        def page(told: dict[str, Any], headers: dict[str, str]) -> Response:
            return Response(f"page: {told['detail']} {signed_in.visitor()}", told["status"])

        def who(**_: str) -> dict[str, Any]:
            seen = signed_in.visitor()
            return {
                "subject": identity.principal().subject, "name": seen.name, "token": seen.token,
                "may_sign_in": seen.may_sign_in, "here": seen.here,
            }  # fmt: skip

        problem.register(app, page)
        identity.prepare(app, gate, prefix, signed_in)
        app.add_url_rule(f"{prefix}/jobs", "jobs", who, methods=["GET", "POST", "DELETE"])
        app.add_url_rule(f"{prefix}/sign-in", SIGN_IN, signed_in.begin, methods=["POST"])
        app.add_url_rule(f"{prefix}/sign-out", SIGN_OUT, signed_in.end, methods=["POST"])
        return app.test_client()

    return client


def sign_in(client: Any, key: str, onwards: str = "/jobs?f=html", **more: Any) -> Any:
    return client.post("/sign-in", data={"key": key, "next": onwards}, headers=HTML, **more)


def test_a_key_begins_a_session_and_leads_back(make: Make, key: str) -> None:
    client = make()
    assert client.get("/jobs").status_code == 401
    reply = sign_in(client, f" {key}\n")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/jobs?f=html")
    attributes = set(reply.headers["Set-Cookie"].split("; ")[1:])
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} <= attributes
    assert "Secure" not in attributes
    assert key[18:] not in reply.headers["Set-Cookie"]
    seen = client.get("/jobs?f=html")
    assert (seen.json["subject"], seen.json["name"]) == ("key:ann", "ann")
    assert seen.json["token"]
    assert seen.headers["Cache-Control"] == "no-store"
    assert "Cookie" in seen.vary


def test_whom_the_proxy_names_needs_the_key_too(make: Make, key: str) -> None:
    """The beginning of a key is in logs: together with a user of the proxy it proves nothing."""
    client = make()
    environ = {named.NAMED: ("mallory", "")}
    reply = sign_in(client, key[:17] + "_" + "A" * 43, environ_base=environ)
    assert reply.status_code == 401
    assert "Set-Cookie" not in reply.headers
    assert sign_in(client, key, environ_base=environ).status_code == 303


def test_a_form_that_is_too_large_is_answered(make: Make) -> None:
    client = make()
    client.application.config["MAX_CONTENT_LENGTH"] = 10
    reply = sign_in(client, "x" * 100)
    assert reply.status_code == 413
    assert reply.text.startswith("page: ")


def test_under_tls_the_cookie_is_of_this_host_alone(make: Make, key: str) -> None:
    client = make("https://geo.example.org/ogc")
    reply = sign_in(client, key, "/ogc/jobs")
    assert reply.headers["Location"] == "/ogc/jobs"
    name, *attributes = reply.headers["Set-Cookie"].split("; ")
    assert name.startswith("__Host-pygeoapi-session=")
    assert {"Secure", "Path=/"} <= set(attributes)
    assert not any(one.startswith("Domain") for one in attributes)


@pytest.mark.parametrize("sent", ["", "x", "pygeoapi_00000000_" + "A" * 43])
def test_a_wrong_key_begins_none(make: Make, sent: str) -> None:
    client = make()
    reply = sign_in(client, sent)
    assert reply.status_code == 401
    assert reply.text.startswith("page: ")
    assert "may_sign_in=True, here='/jobs?f=html'" in reply.text
    assert "Set-Cookie" not in reply.headers
    statuses = {sign_in(client, sent).status_code for _ in range(20)}
    assert statuses == {401, 429}


@pytest.mark.parametrize(
    ("data", "content_type"),
    [({"next": "/"}, "application/x-www-form-urlencoded"), ({"key": "x"}, "multipart/form-data")],
)
def test_a_form_without_a_key_begins_none(
    make: Make, data: dict[str, str], content_type: str
) -> None:
    for anonymous, status in (("none", 401), ("read", 400)):
        reply = make(anonymous=anonymous).post("/sign-in", data=data, content_type=content_type)
        assert reply.status_code == status
        assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize(
    "onwards",
    [
        *("", "jobs", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nX: y"),
        *("\\/evil.example", "/\tevil", "javascript:alert(1)", "/é", "/" + "x" * 2000),
    ],
)
def test_nobody_is_led_elsewhere(make: Make, key: str, onwards: str) -> None:
    assert sign_in(make(), key, onwards).headers["Location"] == "/?f=html"
    other = sign_in(make("http://localhost/ogc"), key, onwards)
    assert other.headers["Location"] == "/ogc/?f=html"


def test_a_page_leads_back_to_itself(make: Make) -> None:
    client = make("http://localhost/ogc/v1", "execute", "/v1")
    for query in ("", "?f=html&status=running", "?datetime=%2F.."):
        assert client.get("/v1/jobs" + query).json["here"] == "/ogc/v1/jobs" + query


def test_a_header_comes_before_the_cookie(make: Make, key: str) -> None:
    client = make()
    sign_in(client, key)
    assert client.get("/jobs", headers={"X-API-Key": "wrong"}).status_code == 401
    by_header = client.post("/jobs", headers={"X-API-Key": key})
    assert by_header.json == {
        "subject": "key:ann", "name": "", "token": "", "may_sign_in": False, "here": "/jobs"
    }  # fmt: skip


def test_what_changes_something_needs_the_token(make: Make, key: str) -> None:
    client = make()
    sign_in(client, key)
    token = client.get("/jobs").json["token"]
    for method in ("POST", "DELETE"):
        for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": token[:-1] + "x"}):
            reply = client.open("/jobs", method=method, headers=headers)
            assert reply.status_code == 403
            assert "token" in reply.json["detail"]
        reply = client.open("/jobs", method=method, headers={"X-CSRF-Token": token})
        assert reply.status_code == 200
    assert client.post("/jobs", data={"csrf_token": token}).status_code == 200
    assert client.post(f"/jobs?csrf_token={token}").status_code == 403


def test_signing_out_removes_the_cookie(make: Make, key: str) -> None:
    client = make()
    sign_in(client, key)
    token = client.get("/jobs").json["token"]
    assert client.post("/sign-out").status_code == 403
    reply = client.post("/sign-out", data={"csrf_token": token})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/?f=html")
    assert re.search(r"=; .*(Max-Age=0|1970)", reply.headers["Set-Cookie"])
    assert client.get("/jobs").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://localhost"}, 200),
        (LINKED, 200),
        ({**LINKED, "Sec-Fetch-Dest": "iframe"}, 401),
        ({**LINKED, "Origin": "https://evil.example"}, 401),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 401),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 401),
        ({"Origin": "http://localhost:8080"}, 401),
        ({"Origin": "null"}, 401),
    ],
)
def test_a_cookie_counts_for_own_pages_and_for_visits(
    make: Make, key: str, headers: dict[str, str], status: int
) -> None:
    client = make()
    sign_in(client, key)
    assert client.get("/jobs", headers=headers).status_code == status


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "\x80", "W10.x.y"])
def test_a_cookie_that_is_no_session_is_nothing(make: Make, cookie: str) -> None:
    client = make()
    client.set_cookie(browsers.COOKIE, cookie)
    assert client.get("/jobs").status_code == 401
    assert make(anonymous="execute").get("/jobs").json["subject"] == "anonymous"


def test_a_session_ends_with_its_key(make: Make, key: str, tmp_path: Path) -> None:
    client = make()
    sign_in(client, key)
    assert client.get("/jobs").status_code == 200
    with key_file.changing(tmp_path / "keys.json") as keys:
        keys.clear()
    other = make()  # has read the file after the change
    other.set_cookie(browsers.COOKIE, client.get_cookie(browsers.COOKIE).value)
    assert other.get("/jobs").status_code == 401


def test_nobody_is_signed_in_before_identity_is_known() -> None:
    settings = Settings(public_url="http://localhost")
    with Flask("x").test_request_context("/jobs"):
        assert "principal" not in g
        seen = Browsers(Sessions(SECRET), settings, "").visitor()
        assert (seen.name, seen.token, seen.may_sign_in) == ("", "", True)
