"""Browsers: signing in by a key, pages, tokens, other sites; and what the audit log says of it."""

import html
import json
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner

from pygeoapi_prefect.access import key_file
from pygeoapi_prefect.access.keys import generate, now
from pygeoapi_prefect.access.principal import Role
from pygeoapi_prefect.cli import root
from support.http import assert_problem, job_of
from support.polling import wait_for
from support.stack import RunningStack
from support.web import environment, serving

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
MAPS = "https://maps.example.org"
EVIL = "https://evil.example"
LABEL = f"ann-{uuid.uuid4().hex[:8]}"
COOKIE = "pygeoapi-session"
EXECUTION = "/processes/hello-world/execution"
BODY = {"inputs": {"name": "Ann"}}
SOON = 2.0
"""Seconds within which the end of a key has to end its sessions."""
TOKEN = re.compile(r'data-token="([0-9a-f]{64})"')


class Site:
    """A server with access control, as somebody with a browser sees it."""

    def __init__(self, web: httpx.Client, config: Path, log: Path, key: str) -> None:
        self.web, self.config, self.log, self.key = web, config, log, key

    def browser(self) -> httpx.Client:
        """Another browser, without any cookies."""
        return httpx.Client(
            base_url=self.web.base_url,
            headers=PAGE,
            timeout=60,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def audit(self, **wanted: Any) -> list[dict[str, Any]]:
        """The lines of the audit log with these members."""
        lines = re.findall(r"audit (\{.*\})", self.log.read_text())
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [one for one in found if wanted.items() <= one.items()]

    def command(self, *arguments: str) -> str:
        """Run a command for keys."""
        done = CliRunner().invoke(root, ["key", *arguments, "-c", str(self.config)])
        assert done.exit_code == 0, done.output
        return done.stdout.strip()


@pytest.fixture(scope="module")
def site(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("browsers")
    config, log, keys = folder / "config.yml", folder / "log", folder / "keys.json"
    text, key = generate(LABEL, [Role.EXECUTE], now())
    with key_file.changing(keys) as stored:
        stored.append(key)
    loaded = yaml.safe_load(stack.config.read_text())
    loaded["server"]["manager"] |= {"access": {"keys": str(keys)}, "cors_origins": [MAPS]}
    config.write_text(yaml.safe_dump(loaded, width=1000))
    with serving(environment(stack.prefect_api_url), config, log) as web:
        yield Site(web, config, log, text)


@pytest.fixture
def ann(site: Site) -> Iterator[httpx.Client]:
    """A browser that has signed in."""
    with site.browser() as browser:
        assert signed_in(browser, site.key).status_code == 303
        yield browser


def signed_in(browser: httpx.Client, key: str, page: str = "/jobs") -> httpx.Response:
    """Fill in the form of a page that asks for it."""
    asked = browser.get(page)
    assert asked.status_code == 401
    form = form_of(asked.text, "sign-in")
    return browser.post(form.pop("action"), data={**form, "key": key}, headers=own(browser))


def form_of(page: str, name: str) -> dict[str, str]:
    """The address and the hidden fields of a form of a page."""
    found = re.search(rf'<form method="post" action="([^"]*/{name})".*?</form>', page, re.S)
    assert found, page
    hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', found[0])
    return {"action": found[1], **{field: html.unescape(value) for field, value in hidden}}


def own(browser: httpx.Client) -> dict[str, str]:
    """What a browser sends along from a page of the server."""
    origin = f"{browser.base_url.scheme}://{browser.base_url.netloc.decode()}"
    return {"Origin": origin, "Sec-Fetch-Site": "same-origin"}


def token_of(browser: httpx.Client) -> str:
    found = TOKEN.search(browser.get("/jobs").text)
    assert found
    return found[1]


def test_a_page_asks_at_its_own_address_and_is_there_after_the_form(site: Site) -> None:
    with site.browser() as browser:
        asked = browser.get("/jobs?limit=3&status=failed")
        assert asked.status_code == 401
        assert asked.headers["WWW-Authenticate"].startswith("Bearer")
        assert 'type="password"' in asked.text
        assert_problem(site.web.get("/jobs"), 401)
        done = signed_in(browser, site.key, "/jobs?limit=3&status=failed")
        assert (done.status_code, done.headers["Location"]) == (303, "/jobs?limit=3&status=failed")
        cookie = done.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert site.key[18:] not in cookie
        shown = browser.get(done.headers["Location"])
        assert shown.status_code == 200
        assert f"<strong>{LABEL}</strong>" in shown.text
        assert shown.headers["Cache-Control"] == "no-store"
    # The cookie is not of the path that it was set at: the pages of pygeoapi get it, too.


def test_every_page_is_readable_after_signing_in(ann: httpx.Client) -> None:
    for path in ("/", "/processes", "/processes/echo", "/jobs", "/openapi", "/conformance"):
        shown = ann.get(path)
        assert (shown.status_code, LABEL in shown.text) == (200, True), path
        assert TOKEN.search(shown.text), path
    assert ann.get("/collections").status_code == 200
    assert ann.get("/nowhere").status_code == 404
    assert ann.get("/collections").headers["Content-Type"].startswith("text/html")


def test_a_wrong_key_shows_the_form_again(site: Site) -> None:
    with site.browser() as browser:
        wrong = signed_in(browser, "pygeoapi_00000000_" + "A" * 43, "/processes?f=html")
        assert wrong.status_code == 401
        assert form_of(wrong.text, "sign-in")["next"] == "/processes?f=html"
        assert not browser.cookies
        assert browser.get("/sign-in").status_code == 200


def test_a_browser_executes_and_removes_only_with_the_token_of_its_page(
    site: Site, ann: httpx.Client
) -> None:
    headers = own(ann) | {"Accept": "application/json"}
    assert_problem(ann.post(EXECUTION, json=BODY, headers=headers), 403, detail="token")
    headers["X-CSRF-Token"] = token_of(ann)
    ran = ann.post(EXECUTION, json=BODY, headers=headers)
    assert ran.status_code == 200, ran.text
    job = job_of(ran)
    page = ann.get(f"/jobs/{job}")
    assert page.status_code == 200
    assert TOKEN.findall(page.text) == [headers["X-CSRF-Token"]]
    without = {key: value for key, value in headers.items() if key != "X-CSRF-Token"}
    assert_problem(ann.delete(f"/jobs/{job}", headers=without), 403)
    with site.browser() as other:
        signed_in(other, site.key)
        swapped = headers | {"X-CSRF-Token": token_of(other)}
    assert_problem(ann.delete(f"/jobs/{job}", headers=swapped), 403)
    assert ann.delete(f"/jobs/{job}", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_another_site_changes_nothing_even_with_cookie_and_token(
    site: Site, ann: httpx.Client, sent: dict[str, str]
) -> None:
    headers = {"X-CSRF-Token": token_of(ann), "Accept": "application/json", **sent}
    assert_problem(ann.post(EXECUTION, json=BODY, headers=headers), 403, detail="cors_origins")
    assert ann.get("/jobs", headers=sent).status_code == 401
    with_key = {**sent, "Authorization": f"Bearer {site.key}"}
    assert_problem(site.web.post(EXECUTION, json=BODY, headers=with_key), 403)


def test_a_listed_origin_needs_a_key_of_its_own(site: Site, ann: httpx.Client) -> None:
    headers = {"Origin": MAPS, "Sec-Fetch-Site": "cross-site", "Accept": "application/json"}
    token = {"X-CSRF-Token": token_of(ann)}
    reply = ann.post(EXECUTION, json=BODY, headers=headers | token)
    assert_problem(reply, 401)
    assert reply.headers["Access-Control-Allow-Origin"] == MAPS
    assert "Access-Control-Allow-Credentials" not in reply.headers
    key = {"Authorization": f"Bearer {site.key}"}
    reply = site.web.post(EXECUTION, json=BODY, headers=headers | key)
    assert reply.status_code == 200
    assert site.web.delete(f"/jobs/{job_of(reply)}", headers=key).status_code == 200


def test_a_body_without_a_media_type_and_an_unknown_host(site: Site, stack: RunningStack) -> None:
    """With and without access."""
    key = {"Authorization": f"Bearer {site.key}"}
    for web, headers in ((site.web, key), (stack.client, {})):
        reply = web.post(EXECUTION, content=json.dumps(BODY).encode(), headers=headers)
        assert_problem(reply, 415, "unsupported-media-type")
        assert_problem(web.get("/jobs", headers=headers | {"Host": "evil.example"}), 421)
        assert_problem(web.post(EXECUTION, json=BODY, headers=headers | {"Origin": EVIL}), 403)
        assert web.get("/static//x", headers=headers).status_code == 404
        assert web.get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200


def test_signing_out_ends_it_in_this_browser(ann: httpx.Client) -> None:
    form = form_of(ann.get("/jobs").text, "sign-out")
    done = ann.post(form.pop("action"), data=form, headers=own(ann))
    assert (done.status_code, done.headers["Location"]) == (303, "/?f=html")
    assert not ann.cookies
    assert ann.get("/jobs").status_code == 401


def test_a_session_ends_soon_after_its_key(site: Site) -> None:
    label = f"eve-{uuid.uuid4().hex[:8]}"
    made = site.command("create", label, "--role", "read")
    with site.browser() as browser:

        def begun() -> bool:
            return signed_in(browser, made, "/processes").status_code == 303

        wait_for(begun, 10, "the new key is known")
        assert browser.get("/processes").status_code == 200
        assert browser.get("/jobs").status_code == 403  # her role does not suffice
        rotated = site.command("rotate", label)
        ended(browser)
        wait_for(lambda: signed_in(browser, rotated, "/processes").status_code == 303, 10, "again")
        site.command("revoke", label)
        ended(browser)


def ended(browser: httpx.Client) -> None:
    began = time.monotonic()
    wait_for(lambda: browser.get("/processes").status_code == 401, SOON, "the session ends")
    assert time.monotonic() - began < SOON


def test_a_session_survives_a_restart_and_holds_in_every_process(
    site: Site, stack: RunningStack, ann: httpx.Client, tmp_path: Path
) -> None:
    """Another process with the same folder is what follows a restart, or runs beside the first."""
    secret = site.config.with_name("session-secret")
    assert secret.stat().st_mode & 0o777 == 0o600
    own_log = tmp_path / "log"
    with serving(environment(stack.prefect_api_url), site.config, own_log) as second:
        cookie = {"Cookie": f"{COOKIE}={ann.cookies[COOKIE]}"}
        shown = second.get("/jobs", headers=PAGE | cookie)
        assert shown.status_code == 200
        assert LABEL in shown.text


def test_the_audit_log_names_who_did_what(site: Site, ann: httpx.Client) -> None:
    headers = own(ann) | {"Accept": "application/json", "X-CSRF-Token": token_of(ann)}
    request = {"X-Request-ID": uuid.uuid4().hex}
    ran = ann.post(EXECUTION, json={"inputs": {"name": "Secretive"}}, headers=headers | request)
    here = job_of(ran)
    # A client that waits is answered later; its line is there once, with the job.
    waited = ann.post("/processes/simple-flow/execution", json=BODY, headers=headers)
    assert waited.status_code == 200, waited.text
    ann.delete(f"/jobs/{here}", headers=headers)
    ann.delete(f"/jobs/{job_of(waited)}", headers=headers)
    site.web.get("/jobs", headers={"X-API-Key": "wrong"})

    def written() -> bool:
        return bool(site.audit(action="dismiss", job=job_of(waited)))

    wait_for(written, 10, "the log is written")
    mine = {"principal": f"key:{LABEL}", "name": LABEL}
    [line] = site.audit(action="execute", request=request["X-Request-ID"], **mine)
    assert (line["outcome"], line["job"], line["process"]) == ("ok", here, "hello-world")
    [line] = site.audit(action="execute", process="simple-flow", **mine)
    assert (line["outcome"], line["job"]) == ("ok", job_of(waited))
    assert site.audit(action="dismiss", job=here, outcome="ok", **mine)
    assert site.audit(action="sign-in", outcome="ok", **mine)
    assert site.audit(action="access", outcome="refused", principal=None, path="/jobs")
    log = site.log.read_text()
    for secret in (site.key[18:], ann.cookies[COOKIE], "Secretive", headers["X-CSRF-Token"]):
        assert secret not in log
