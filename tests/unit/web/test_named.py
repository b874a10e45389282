"""Users whom a proxy names: believed on its own connection, and on no other."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Response, request
from werkzeug.datastructures import Headers

from pygeoapi_prefect.access.gate import Gate
from pygeoapi_prefect.access_settings import AccessSettings
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.outgoing import configured
from pygeoapi_prefect.web import edge, identity, named, origins, problem
from pygeoapi_prefect.web.server.environ import REPEATED, environ

PROXY, STRANGER = "192.0.2.10", "198.51.100.7"
SETTINGS: dict[str, Any] = {
    "user_header": "Remote-User",
    "roles_header": "Remote-Groups",
    "from": [PROXY, "2001:db8::/32"],
    "roles": {"geo": "execute", "ops": "admin"},
}
Ask = Callable[..., Any]


@pytest.fixture
def ask() -> Ask:
    """Sends a request to an application behind a proxy, from an address of a socket."""

    def send(address: str = PROXY, access: dict[str, Any] | None = None, **more: Any) -> Any:
        app = Flask("x", static_folder=None)
        settings = AccessSettings.model_validate({"proxy": SETTINGS, **(access or {})})

        def page(_problem: dict[str, Any], headers: dict[str, str]) -> Response:
            return Response("page", _problem["status"], headers)

        problem.register(app, page)
        root = {"url": "http://localhost", "manager": more.pop("manager", {})}
        origins.prepare(app, Settings.from_config({"server": root}))
        identity.prepare(app, Gate.of(settings, configured.fetch), "")

        def who() -> dict[str, Any]:
            known = identity.principal()
            left = [name for name, _ in request.headers if "remote" in name.lower()]
            return {
                "subject": known.subject,
                "proof": known.proof,
                "admin": known.is_admin,
                "address": request.remote_addr,
                "left": left,
            }

        app.add_url_rule("/jobs", "jobs", who)
        app.add_url_rule("/processes", "processes", who)
        edge.trust_proxies(app, 1)
        assert settings.proxy is not None
        named.prepare(app, settings.proxy)
        path = more.pop("path", "/jobs")
        return app.test_client().get(path, environ_base={"REMOTE_ADDR": address}, **more)

    return send


def headers(user: str = "ann", groups: str = "geo", **more: str) -> dict[str, str]:
    return {"Remote-User": user, "Remote-Groups": groups, **more}


@pytest.mark.parametrize("address", [PROXY, f"::ffff:{PROXY}", "2001:db8::7"])
def test_the_proxy_names_a_user(ask: Ask, address: str) -> None:
    reply = ask(address, headers=headers(**{"X-Forwarded-For": STRANGER}))
    assert reply.json == {
        "subject": "proxy:ann",
        "proof": "proxy",
        "admin": False,
        "address": STRANGER,
        "left": [],
    }
    assert reply.headers["Cache-Control"] == "private"


@pytest.mark.parametrize("address", [STRANGER, "127.0.0.1", "192.0.2.11", "", "x", "2001:db9::1"])
def test_nobody_else_names_a_user(ask: Ask, address: str) -> None:
    """Not even with the address of the proxy in ``X-Forwarded-For``; the headers are removed."""
    for forwarded in ({}, {"X-Forwarded-For": PROXY}, {"X-Forwarded-For": f"{PROXY}, {PROXY}"}):
        sent = headers("root", "ops", **forwarded)
        assert ask(address, headers=sent).status_code == 401
        reply = ask(address, {"anonymous": "execute"}, headers=sent)
        assert (reply.json["subject"], reply.json["admin"]) == ("anonymous", False)
        assert reply.json["left"] == []


def test_the_address_of_the_socket_counts_and_not_a_forwarded_one(ask: Ask) -> None:
    """A client that the proxy forwards is not the proxy, and the proxy stays one."""
    assert ask(STRANGER, headers=headers(**{"X-Forwarded-For": PROXY})).status_code == 401
    assert ask(PROXY, headers=headers(**{"X-Forwarded-For": "203.0.113.9"})).status_code == 200


@pytest.mark.parametrize(
    "sent", [[], [("Remote-User", "")], [("Remote-User", " ")], [("Remote-Groups", "ops")]]
)
def test_without_a_user_a_client_of_the_proxy_is_anonymous(ask: Ask, sent: list[Any]) -> None:
    assert ask(headers=Headers(sent)).status_code == 401
    reply = ask(access={"anonymous": "execute"}, headers=Headers(sent))
    assert (reply.json["subject"], reply.json["admin"]) == ("anonymous", False)


@pytest.mark.parametrize("user", ["ann,root", "root,ann", "a\x00b", "x" * 256, "a\x85b"])
def test_a_user_that_is_not_one_is_rejected(
    ask: Ask, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Two headers of one name are joined: the client has sent one of them."""
    reply = ask(headers=headers(user), access={"anonymous": "admin"})
    assert reply.status_code == 401
    assert "has named no valid user" in reply.json["detail"]
    assert "has named no valid user" in caplog.text


def test_roles_that_were_sent_twice_do_not_count(ask: Ask) -> None:
    """One of the two headers may be of the client, whose proxy has added its own."""
    scope = {
        "method": "GET", "http_version": "1.1", "raw_path": b"/jobs", "query_string": b"",
        "client": (PROXY, 1), "server": ("localhost", 80),
    }  # fmt: skip
    sent = [(b"remote-user", b"ann"), (b"remote-groups", b"geo"), (b"remote-groups", b"ops")]
    once = environ(scope | {"headers": sent[:2]}, BytesIO())
    twice = environ(scope | {"headers": sent}, BytesIO())
    assert REPEATED not in once
    assert twice[REPEATED] == {"HTTP_REMOTE_GROUPS"}
    seen: list[Any] = []
    settings = AccessSettings.model_validate({"proxy": SETTINGS}).proxy
    assert settings is not None

    def keep(found: dict[str, Any], _: object) -> list[bytes]:
        seen.append(named.named_of(found))
        return []

    app = named.apart(keep, settings)
    for one in (once, twice):
        app(one, None)
    assert seen == [("ann", "geo"), ("ann", "")]


def test_names_beyond_ascii_are_read_in_utf8(ask: Ask) -> None:
    sent = "zoë".encode().decode("latin-1")
    assert ask(headers=headers(sent)).json["subject"] == "proxy:zoë"
    assert ask(headers=headers("zo\xeb")).json["subject"] == "proxy:zoë"


@pytest.mark.parametrize(
    ("groups", "status", "is_admin"),
    [
        ("geo", 200, False),
        ("x, ops", 200, True),
        ("ops,geo", 200, True),
        ("", 403, None),
        ("OPS", 403, None),
    ],
)
def test_groups_give_roles(ask: Ask, groups: str, status: int, is_admin: bool | None) -> None:
    reply = ask(headers=headers(groups=groups))
    assert reply.status_code == status
    assert reply.json.get("admin") == is_admin
    default = {"proxy": {**SETTINGS, "default_role": "read"}}
    assert ask(headers=headers(groups=groups), access=default, path="/processes").status_code == 200


def test_the_user_of_the_proxy_counts_before_credentials(ask: Ask) -> None:
    """The proxy may have checked a password that the client has sent."""
    for name, value in (("Authorization", "Basic YTpi"), ("X-API-Key", "x")):
        assert ask(headers=headers(**{name: value})).json["subject"] == "proxy:ann"
        without = ask(headers={name: value})
        assert without.status_code == 401


def test_the_user_does_not_count_for_pages_of_other_origins(ask: Ask) -> None:
    """The browser has sent the cookie of the proxy by itself, as it sends ours."""
    listed = {"cors_origins": ["*"]}
    foreign = [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://maps.example.org"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ]
    for sent in foreign:
        assert ask(headers=headers(**sent), manager=listed).status_code == 401
    for sent in (
        {"Sec-Fetch-Site": "same-origin"},
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        },
    ):
        assert ask(headers=headers(**sent), manager=listed).json["subject"] == "proxy:ann"


def test_a_single_header_suffices(ask: Ask) -> None:
    settings = {"user_header": "X-User", "from": PROXY, "default_role": "execute"}
    sent = {"X-User": "ann", "Remote-Groups": "ops"}
    reply = ask(access={"proxy": settings}, headers=sent)
    assert (reply.json["subject"], reply.json["admin"]) == ("proxy:ann", False)
