"""Identity in a small application: who a request is, and what is answered to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, g

from pygeoapi_prefect.access import key_file
from pygeoapi_prefect.access.gate import Gate
from pygeoapi_prefect.access.keys import generate, now
from pygeoapi_prefect.access.principal import Role
from pygeoapi_prefect.access_settings import AccessSettings
from pygeoapi_prefect.outgoing import configured
from pygeoapi_prefect.web import identity, problem, rates

Make = Callable[..., Any]
CHALLENGE = 'Bearer realm="pygeoapi"'


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """A key for each role, in the file ``keys.json``."""
    made = {str(role): generate(f"a-{role}", [role], now()) for role in Role}
    with key_file.changing(tmp_path / "keys.json") as stored:
        stored += [key for _, key in made.values()]
    return {role: text for role, (text, _) in made.items()}


@pytest.fixture
def make(tmp_path: Path, keys: dict[str, str]) -> Make:
    """Makes a client of an application with these settings of access; None means open."""

    def client(
        settings: dict[str, Any] | None, prefix: str = "", limits: tuple[str, ...] = ()
    ) -> Any:
        app = Flask("x", static_folder=None)
        gate = None
        if settings is not None:
            access = {"keys": tmp_path / "keys.json", **settings}
            gate = Gate.of(AccessSettings.model_validate(access), configured.fetch)

        def page(_problem: dict[str, Any], headers: dict[str, str]) -> Response:
            return Response("page", _problem["status"], headers)

        problem.register(app, page)
        identity.prepare(app, gate, prefix)
        rates.prepare(app, limits, identity.client)

        def who(**_: str) -> dict[str, Any]:
            known = identity.principal()
            return {"subject": known.subject, "proof": known.proof, "admin": known.is_admin}

        for path in ("/", "/jobs", "/jobs/<job_id>", "/processes", "/assets/<path:name>"):
            app.add_url_rule(prefix + path, path, who, methods=["GET", "DELETE"])
        app.add_url_rule(f"{prefix}/processes/<name>/execution", "e", who, methods=["POST"])
        app.add_url_rule("/healthz", "healthz", who)
        return app.test_client()

    return client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_without_access_the_address_owns_and_everybody_is_an_administrator(make: Make) -> None:
    client = make(None)
    for headers in ({}, bearer("x"), {"X-API-Key": "x"}, {"Authorization": "Basic x"}):
        reply = client.get("/jobs", headers=headers, environ_base={"REMOTE_ADDR": "2001:db8::7"})
        assert reply.json == {"subject": "2001:db8::/64", "proof": "open", "admin": True}
        assert "Cache-Control" not in reply.headers
        assert "Authorization" not in reply.headers.get("Vary", "")


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Anything"])
def test_an_open_server_answers_nobody_behind_a_proxy(
    make: Make, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """One on the same machine would make everybody an administrator."""
    client = make(None)
    for path in ("/jobs", "/healthz", "/none"):
        reply = client.get(path, headers={name: "x"})
        assert (reply.status_code, reply.json["title"]) == (403, "Not allowed")
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert "WWW-Authenticate" not in reply.headers
    assert len(caplog.messages) == 3
    assert f"a request with {name} is rejected" in caplog.text
    explicit = make({"anonymous": "admin"})
    assert explicit.get("/jobs", headers={name: "x"}).json["admin"] is True


def test_both_headers_prove_the_same(make: Make, keys: dict[str, str]) -> None:
    client = make({})
    for headers in (bearer(keys["execute"]), {"X-API-Key": keys["execute"]}):
        reply = client.get("/jobs", headers=headers)
        assert reply.json == {"subject": "key:a-execute", "proof": "key", "admin": False}
        assert reply.headers["Cache-Control"] == "private"
        assert set(reply.vary) == {"Authorization", "X-API-Key", "Cookie"}


def test_no_other_part_of_a_request_proves_anything(make: Make, keys: dict[str, str]) -> None:
    client, key = make({}), keys["admin"]
    client.set_cookie("Authorization", key)
    for query in ("api_key", "access_token", "X-API-Key", "key", "token"):
        reply = client.get("/jobs", query_string={query: key}, headers={"Api-Key": key})
        assert reply.status_code == 401
    form = {"access_token": key}  # RFC 6750, section 2.2, which this server does not offer
    assert client.post("/processes/x/execution", data=form).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status", "challenge"),
    [
        ({}, 401, CHALLENGE),
        ({"Authorization": "Basic YTpi"}, 401, CHALLENGE),
        ({"Authorization": "Bearer wrong"}, 401, f'{CHALLENGE}, error="invalid_token"'),
        ({"X-API-Key": ""}, 401, f'{CHALLENGE}, error="invalid_token"'),
        (
            {"Authorization": "Bearer a", "X-API-Key": "a"},
            400,
            f'{CHALLENGE}, error="invalid_request"',
        ),
    ],
)
def test_a_refusal_is_a_problem_with_a_challenge(
    make: Make, headers: dict[str, str], status: int, challenge: str
) -> None:
    client = make({})
    reply = client.get("/jobs", headers=headers)
    assert (reply.status_code, reply.headers["WWW-Authenticate"]) == (status, challenge)
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json["status"] == status
    page = client.get("/jobs", headers={**headers, "Accept": "text/html"})
    assert (page.status_code, page.headers["WWW-Authenticate"]) == (status, challenge)
    assert page.text == "page"


def test_a_role_that_does_not_suffice_is_forbidden(make: Make, keys: dict[str, str]) -> None:
    client = make({})
    assert client.get("/processes", headers=bearer(keys["read"])).status_code == 200
    reply = client.get("/jobs", headers=bearer(keys["read"]))
    assert reply.status_code == 403
    assert reply.headers["WWW-Authenticate"] == (
        f'{CHALLENGE}, error="insufficient_scope", scope="execute"'
    )
    assert reply.json["detail"] == "This needs the role 'execute'"


def test_anonymous_clients_share_an_owner(make: Make) -> None:
    client = make({"anonymous": "execute"})
    for address in ("192.0.2.1", "192.0.2.2"):
        reply = client.get("/jobs", environ_base={"REMOTE_ADDR": address})
        assert reply.json == {"subject": "anonymous", "proof": "anonymous", "admin": False}
    assert client.get("/jobs", headers=bearer("wrong")).status_code == 401


def test_probes_and_files_are_open_and_unknown_addresses_are_not(
    make: Make, keys: dict[str, str]
) -> None:
    client = make({})
    for path in ("/healthz", "/assets/a.css"):
        for headers in ({}, bearer("wrong")):
            reply = client.get(path, headers=headers)
            assert (reply.status_code, reply.json["admin"]) == (200, False)
    for path in ("/none", "/assets", "/jobs/x/none"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=bearer(keys["read"])).status_code == 404
    assert client.put("/jobs").status_code == 401
    assert client.put("/jobs", headers=bearer(keys["read"])).status_code == 405
    assert client.options("/jobs").status_code == 200


def test_the_prefix_of_routes_changes_nothing(make: Make, keys: dict[str, str]) -> None:
    client = make({"anonymous": "read"}, "/ogc/v1")
    assert client.get("/ogc/v1/").status_code == 200
    assert client.get("/ogc/v1/processes").status_code == 200
    assert client.get("/ogc/v1/jobs").status_code == 401
    assert client.get("/ogc/v1/jobs", headers=bearer(keys["execute"])).status_code == 200
    assert client.post("/ogc/v1/processes/a/execution").status_code == 401
    assert client.get("/healthz").status_code == 200


def test_invalid_keys_of_an_address_are_throttled_and_valid_ones_are_not(
    make: Make, keys: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """The log names them, without their secrets, and only as often as they get 401."""
    client, invalid = make({}), "pygeoapi_00000000_" + "A" * 43
    first, second = ({"REMOTE_ADDR": f"192.0.2.{one}"} for one in (1, 2))
    statuses = []
    for _ in range(22):
        reply = client.get("/jobs", headers=bearer(invalid), environ_base=first)
        statuses.append(reply.status_code)
    assert statuses == [401] * 20 + [429] * 2
    told = "an API key from 192.0.2.1 is invalid: pygeoapi_00000000"
    assert caplog.messages == [told] * 20
    assert 1 <= int(reply.headers["Retry-After"]) <= 60
    assert "invalid API key" in reply.json["detail"]
    right = client.get("/jobs", headers=bearer(keys["execute"]), environ_base=first)
    assert right.status_code == 200
    other = client.get("/jobs", headers=bearer("wrong"), environ_base=second)
    assert other.status_code == 401
    for _ in range(25):  # no key is no attempt
        assert client.get("/jobs", environ_base=second).status_code == 401


def test_limits_count_the_holder_of_a_key_whatever_its_address(
    make: Make, keys: dict[str, str]
) -> None:
    client = make({"anonymous": "execute"}, limits=("2/minute",))

    def get(address: str, key: str | None) -> int:
        headers = bearer(keys[key]) if key else {}
        reply = client.get("/jobs", headers=headers, environ_base={"REMOTE_ADDR": address})
        return int(reply.status_code)

    assert [get(f"192.0.2.{one}", "execute") for one in range(3)] == [200, 200, 429]
    assert get("192.0.2.9", "admin") == 200
    assert [get("192.0.2.9", None) for _ in range(3)] == [200, 200, 429]
    assert get("192.0.2.8", None) == 200


def test_what_was_not_identified_has_no_role() -> None:
    with Flask("x").test_request_context():
        assert "principal" not in g
        assert not any(identity.principal().has(role) for role in Role)
