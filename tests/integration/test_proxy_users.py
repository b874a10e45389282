"""Users whom a proxy names, on a real socket: from its address, and from another one."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from support.http import assert_problem, job_of
from support.stack import RunningStack
from support.web import environment, serving

PROXY, OTHER = "127.0.0.2", "127.0.0.3"
"""Addresses of this machine: that of the proxy, and that of somebody else."""


@pytest.fixture(scope="module")
def web(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("proxy-users")
    loaded = yaml.safe_load(stack.config.read_text())
    loaded["server"]["manager"] |= {
        "trusted_proxies": 1,
        "security_schemes": {"login": {"type": "http", "scheme": "basic"}},
        "access": {
            "proxy": {
                "user_header": "Remote-User",
                "roles_header": "Remote-Groups",
                "from": [PROXY],
                "roles": {"geo": "execute", "ops": "admin"},
            }
        },
    }
    config = folder / "config.yml"
    config.write_text(yaml.safe_dump(loaded, width=1000))
    own = environment(stack.prefect_api_url)
    with serving(own, config, folder / "log") as client:
        yield client


def ask(
    web: httpx.Client, address: str, headers: list[tuple[str, str]], method: str = "GET",
    path: str = "/jobs", **more: Any,
) -> httpx.Response:  # fmt: skip
    """The answer to a request from this address."""
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=web.base_url, transport=transport, timeout=60) as client:
        return client.request(method, path, headers=headers, **more)


def user(name: str, groups: str = "geo") -> list[tuple[str, str]]:
    return [("Remote-User", name), ("Remote-Groups", groups)]


def test_users_of_the_proxy_have_jobs_of_their_own(web: httpx.Client) -> None:
    path, body = "/processes/hello-world/execution", {"inputs": {"name": "Ann"}}
    reply = ask(web, PROXY, user("ann"), "POST", path, json=body)
    assert reply.status_code == 200
    job = f"/jobs/{job_of(reply)}"
    assert ask(web, PROXY, user("ann"), path=job).status_code == 200
    assert_problem(ask(web, PROXY, user("bob"), path=job), 404, "no-such-job")
    listed = ask(web, PROXY, user("bob"), params={"limit": 1000}).json()["jobs"]
    assert job_of(reply) not in {one["jobID"] for one in listed}
    assert ask(web, PROXY, user("root", "ops"), "DELETE", job).status_code == 200


def test_nobody_can_spoof_the_proxy(web: httpx.Client) -> None:
    forged = user("root", "ops")
    for more in (
        [],
        [("X-Forwarded-For", PROXY)],
        [("X-Forwarded-For", f"{PROXY}, {PROXY}")],
        [("Forwarded", f"for={PROXY}")],
        [("X-Real-IP", PROXY)],
    ):
        assert_problem(ask(web, OTHER, forged + more), 401)


def test_a_client_of_the_proxy_can_send_no_name_of_its_own(web: httpx.Client) -> None:
    """Beside the proxy's header, or in a spelling that becomes the same name in WSGI."""
    assert_problem(ask(web, PROXY, [*user("ann"), ("Remote-User", "root")]), 401)
    for spelling in ("Remote_User", "REMOTE_USER", "remote_user"):
        assert_problem(ask(web, PROXY, [(spelling, "root"), ("Remote_Groups", "ops")]), 401)
        both = ask(web, PROXY, [*user("ann"), (spelling, "root"), ("Remote_Groups", "ops")])
        assert both.status_code in (200, 401)
        admin = ask(web, PROXY, [*user("ann"), (spelling, "root"), ("Remote_Groups", "ops")],
                    "POST", "/collections/lakes/items")  # fmt: skip
        assert admin.status_code in (401, 403)


def test_the_document_declares_the_sign_in_of_the_proxy(web: httpx.Client) -> None:
    document = ask(web, PROXY, user("ann"), path="/openapi", params={"f": "json"}).json()
    assert set(document["components"]["securitySchemes"]) == {"login"}
    assert document["paths"]["/jobs"]["get"]["security"] == [{"login": []}]
