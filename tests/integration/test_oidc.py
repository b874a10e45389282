"""Access tokens of a real issuer on this machine, which signs them and publishes its keys."""

import base64
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pygeoapi_prefect.access import key_file
from pygeoapi_prefect.access.keys import generate, now
from pygeoapi_prefect.access.principal import Role
from support.http import assert_problem, job_of, prefect_run
from support.issuer import DISCOVERY, Issuer, new_key
from support.polling import wait_for
from support.stack import RunningStack, free_port
from support.web import environment, serving

CHALLENGE = 'Bearer realm="pygeoapi", error="invalid_token"'
RUN = uuid.uuid4().hex[:8]
"""Part of the names: on a stack that is kept, others have jobs of earlier runs."""


@dataclass(frozen=True)
class Served:
    """A web application that accepts tokens and keys.

    Attributes:
        stack: The stack behind it.
        issuer: The issuer.
        web: A client without credentials.
        key: The key of somebody who is called as a user of the issuer.
        log: What the application has written.
    """

    stack: RunningStack
    issuer: Issuer
    web: httpx.Client
    key: str
    log: Path

    def ask(self, token: str, path: str = "/jobs", method: str = "GET", **more: Any) -> Any:
        """The answer to a request with this token or key."""
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return self.web.request(method, path, headers=headers, **more)

    def run(self, token: str, name: str, process: str = "hello-world") -> str:
        """Execute a process; the job's id."""
        body = {"inputs": {"name": name}}
        reply = self.ask(token, f"/processes/{process}/execution", "POST", json=body)
        assert reply.status_code == 200, reply.text
        return job_of(reply)


def config_of(stack: RunningStack, folder: Path, access: dict[str, Any]) -> Path:
    loaded = yaml.safe_load(stack.config.read_text())
    loaded["server"]["manager"]["access"] = access
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(loaded, width=1000))
    return path


def variables(stack: RunningStack) -> dict[str, str]:
    return {**environment(stack.prefect_api_url), "NO_PROXY": "127.0.0.1,localhost"}


@pytest.fixture(scope="module")
def served(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("oidc")
    issuer = Issuer(free_port())
    text, key = generate("ann", [Role.EXECUTE], now())
    with key_file.changing(folder / "keys.json") as keys:
        keys.append(key)
    access = {"keys": str(folder / "keys.json"), "oidc": issuer.settings}
    config, log = config_of(stack, folder, access), folder / "log"
    with issuer.serving(), serving(variables(stack), config, log) as web:
        yield Served(stack, issuer, web, text, log)


def named(name: str) -> str:
    return f"{name}-{RUN}"


def test_a_valid_token_is_accepted_and_known_keys_cause_no_request(served: Served) -> None:
    assert served.ask(served.issuer.token(named("ann"))).status_code == 200
    asked = len(served.issuer.asked)
    for user in ("ann", "bob", "eve"):
        reply = served.ask(served.issuer.token(named(user)))
        assert reply.status_code == 200
        assert reply.headers["Cache-Control"] == "private"
    assert len(served.issuer.asked) == asked


def test_roles_of_the_claim_decide(served: Served) -> None:
    for role, path, status in (
        ("geo-reader", "/processes", 200),
        ("geo-reader", "/jobs", 403),
        ("geo-user", "/jobs", 200),
        ("none-of-ours", "/processes", 403),
    ):
        assert served.ask(served.issuer.token(role=role), path).status_code == status
    forbidden = served.ask(served.issuer.token(role="geo-reader"))
    assert_problem(forbidden, 403, detail="needs the role 'execute'")
    assert 'error="insufficient_scope"' in forbidden.headers["WWW-Authenticate"]


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def forged(issuer: Issuer, algorithm: str) -> str:
    """A token of an administrator, signed with nothing, or with the public key as a secret."""
    _, payload, _ = issuer.token(role="geo-admin").split(".")
    first = issuer.keys[0]
    head = part(json.dumps({"alg": algorithm, "typ": "at+jwt", "kid": first.kid}).encode())
    signed = f"{head}.{payload}".encode()
    secret = first.as_pem(private=False)
    return f"{head}.{payload}." + (
        "" if algorithm == "none" else part(hmac.digest(secret, signed, "sha256"))
    )


def invalid(issuer: Issuer) -> dict[str, str]:
    """Invalid tokens, by what the server says of them."""
    past, other = int(time.time()) - 600, new_key("first")
    return {
        "has expired": issuer.token(exp=past),
        "signature is wrong": issuer.token(key=other, role="geo-admin"),
        "algorithm is not accepted": forged(issuer, "none"),
        "signature algorithm": forged(issuer, "HS256"),
        "another audience": issuer.token(aud="https://other.example.org"),
        "another issuer": issuer.token(iss="https://other.example.org"),
        "another type of token": issuer.token(header={"typ": "id+jwt"}),
        "no bearer access token": issuer.token(header={"typ": "JWT"}, at_hash="x", nonce="y"),
        "is malformed": "x.y.z",
    }


def test_invalid_tokens_are_rejected_with_the_reason(served: Served) -> None:
    for told, token in invalid(served.issuer).items():
        for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
            reply = served.web.get("/jobs", headers=headers)
            assert_problem(reply, 401, detail=told)
            assert reply.headers["WWW-Authenticate"] == CHALLENGE
    log = served.log.read_text()
    assert "credentials from 127.0.0.1 are rejected: The access token is invalid" in log
    assert "eyJ" not in log
    assert served.ask(served.issuer.token()).status_code == 200


def test_two_users_and_the_holder_of_a_key_see_only_their_own_jobs(served: Served) -> None:
    """The key and one user have the same name; a job on a worker is among them."""
    tokens = {
        "ann": served.issuer.token(named("ann"), preferred_username="ann"),
        "bob": served.issuer.token(named("bob")),
        "key": served.key,
    }
    jobs = {
        who: [served.run(token, who), served.run(token, who, "simple-flow")]
        for who, token in tokens.items()
    }
    for who, token in tokens.items():
        listed = served.ask(token, params={"limit": 1000}).json()["jobs"]
        found = {job["jobID"] for job in listed}
        assert found >= set(jobs[who])
        for other in set(tokens) - {who}:
            assert not found & set(jobs[other])
            for job in jobs[other]:
                for path in (f"/jobs/{job}", f"/jobs/{job}/results"):
                    assert_problem(served.ask(token, path), 404, "no-such-job")
                assert_problem(served.ask(token, f"/jobs/{job}", "DELETE"), 404, "no-such-job")
    root = served.issuer.token("root", "geo-admin")
    for who, job in [(owner, job) for owner, ids in jobs.items() for job in ids]:
        run = prefect_run(served.stack, job)
        shown = named("bob") if who == "bob" else "ann"
        assert run["labels"]["pygeoapi.owner"] == shown
        assert not [tag for tag in run["tags"] if shown in tag]
        assert served.ask(root, f"/jobs/{job}", "DELETE").status_code == 200


def test_a_client_that_waits_gets_its_result_although_its_token_expires(served: Served) -> None:
    """Within a second, whatever the leeway: the token is verified as of its arrival."""
    leeway = 30
    token = served.issuer.token(named("max"), exp=int(time.time()) - leeway + 2)
    body = {"inputs": {"seconds": 4}}
    reply = served.ask(token, "/processes/slow/execution", "POST", json=body)
    assert reply.status_code == 200, reply.text
    assert_problem(served.ask(token), 401, detail="has expired")
    root = served.issuer.token("root", "geo-admin")
    assert served.ask(root, f"/jobs/{job_of(reply)}", "DELETE").status_code == 200


def test_the_document_names_both_ways(served: Served) -> None:
    document = served.ask(served.issuer.token(), "/openapi", params={"f": "json"}).json()
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"bearer", "apiKey", "openIdConnect"}
    discovery = schemes["openIdConnect"]["openIdConnectUrl"]
    assert httpx.get(discovery, trust_env=False).json()["issuer"] == served.issuer.url
    assert {"openIdConnect": []} in document["paths"]["/jobs"]["get"]["security"]


def test_unknown_keys_cause_a_request_at_most_once_a_minute(served: Served) -> None:
    """A rotation takes effect with the first token; another one within the minute does not."""
    served.issuer.keys.append(new_key("second"))
    before = served.issuer.asked.count(DISCOVERY)
    assert served.ask(served.issuer.token()).status_code == 200
    strangers = [new_key(f"stranger-{number}") for number in range(3)]
    for key in strangers:
        reply = served.ask(served.issuer.token(key=key))
        assert reply.status_code in (401, 429)
    assert served.issuer.asked.count(DISCOVERY) == before + 1
    assert served.ask(served.issuer.token(key=served.issuer.keys[0])).status_code == 200


def test_an_issuer_may_be_away_and_come_back(stack: RunningStack, tmp_path: Path) -> None:
    """The server starts without it, and goes on with the keys that it knows."""
    issuer = Issuer(free_port())
    config, log = config_of(stack, tmp_path, {"oidc": issuer.settings}), tmp_path / "log"
    with serving(variables(stack), config, log) as web:

        def status(token: str) -> int:
            return web.get("/jobs", headers={"Authorization": f"Bearer {token}"}).status_code

        refused = web.get("/jobs", headers={"Authorization": f"Bearer {issuer.token()}"})
        assert_problem(refused, 503, detail="cannot be verified now")
        assert refused.headers["Retry-After"] == "5"
        with issuer.serving():
            wait_for(lambda: status(issuer.token()) == 200, 30, "the issuer is asked again")
        assert status(issuer.token()) == 200
        stranger = new_key("second")
        assert status(issuer.token(key=stranger)) == 503
        assert status(issuer.token()) == 200
        assert status(issuer.token(exp=1)) == 401
    assert log.read_text().count("is not available") >= 2
    assert log.read_text().count("is available again") == 1
