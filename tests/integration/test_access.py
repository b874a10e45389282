"""Keys, roles and owners: two users on one server, and everything that one has, for the other."""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from click.testing import CliRunner

from pygeoapi_prefect.access import key_file
from pygeoapi_prefect.access.keys import generate, now
from pygeoapi_prefect.access.operations import OPERATIONS, least_role
from pygeoapi_prefect.access.principal import Role
from pygeoapi_prefect.cli import root
from pygeoapi_prefect.web.openapi.security import METHODS
from support.http import assert_problem, job_of, paused_pool, prefect_run
from support.polling import wait_for
from support.stack import RunningStack
from support.web import environment, serving

REFERENCE = {"transmissionMode": "reference"}
FORMATS: list[dict[str, Any]] = [
    {},
    {"params": {"f": "json"}},
    {"params": {"f": "html"}},
    {"headers": {"Accept": "text/html"}},
    {"headers": {"Accept": "application/json"}},
    {"headers": {"Range": "bytes=0-3"}},
]
ADDRESS = re.compile(r"""https?://[^\s"'<>\\]+|(?:href|src|action)="(/[^"]*)\"""")
ROLES = {"reader": Role.READ, "ann": Role.EXECUTE, "bob": Role.EXECUTE, "root": Role.ADMIN}
LONG = {"seconds": 600}
RUN = uuid.uuid4().hex[:8]
"""Part of the labels: on a stack that is kept, others have jobs of earlier runs."""
SOON = 2.0
"""Seconds within which a change of the key file has to take effect."""


@dataclass(frozen=True)
class Served:
    """A web application with access control.

    Attributes:
        stack: The stack behind it.
        anonymous: A client without a key.
        users: Clients with a key each.
        config: The configuration.
        log: What the application has written.
    """

    stack: RunningStack
    anonymous: httpx.Client
    users: dict[str, httpx.Client]
    config: Path
    log: Path

    def client(self, key: str) -> httpx.Client:
        """Another client, with this key."""
        return client_of(self.anonymous, key)


def client_of(web: httpx.Client, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    # A kept connection may end while a test waits: the server closes it after 2 s.
    return httpx.Client(
        base_url=web.base_url,
        headers=headers,
        timeout=90,
        trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=0),
    )


@pytest.fixture(scope="module")
def served(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("access")
    config, log = folder / "config.yml", folder / "log"
    written(stack, config, {"keys": str(folder / "keys.json")})
    keys = {
        name: create(folder / "keys.json", f"{name}-{RUN}", role) for name, role in ROLES.items()
    }
    with serving(environment(stack.prefect_api_url), config, log, ready_path="/readyz") as web:
        users = {name: client_of(web, key) for name, key in keys.items()}
        yield Served(stack, web, users, config, log)
        for user in users.values():
            user.close()


def written(stack: RunningStack, config: Path, access: dict[str, Any], **manager: Any) -> None:
    loaded = yaml.safe_load(stack.config.read_text())
    loaded["server"]["manager"] |= {"access": access, **manager}
    config.write_text(yaml.safe_dump(loaded, width=1000))


def create(path: Path, label: str, role: Role, expires: datetime | None = None) -> str:
    text, key = generate(label, [role], now())
    with key_file.changing(path) as keys:
        keys.append(key.model_copy(update={"expires": expires}))
    return text


@dataclass
class Jobs:
    """Jobs of one user: one for each way to be executed, and to end."""

    user: httpx.Client
    ids: list[str] = field(default_factory=list)

    def run(self, process: str, inputs: dict[str, Any], **request: Any) -> httpx.Response:
        """Execute synchronously."""
        reply = self.user.post(
            f"/processes/{process}/execution", json={"inputs": inputs, **request}
        )
        self.ids.append(job_of(reply))
        return reply

    def submit(self, process: str, inputs: dict[str, Any], key: str = "") -> str:
        """Execute asynchronously; the job's id."""
        headers = {"Prefer": "respond-async", **({"Idempotency-Key": key} if key else {})}
        reply = self.user.post(
            f"/processes/{process}/execution", json={"inputs": inputs}, headers=headers
        )
        assert reply.status_code == 201, reply.text
        self.ids.append(str(reply.json()["jobID"]))
        return self.ids[-1]

    def ended(self, job_id: str, status: str) -> None:
        """Wait until a job has a status."""

        def reached() -> bool:
            return bool(self.user.get(f"/jobs/{job_id}").json()["status"] == status)

        wait_for(reached, 60, f"job {job_id} is {status}")


@pytest.fixture(scope="module")
def of_ann(served: Served) -> Iterator[Jobs]:
    """Ann's jobs: in the web process and on a worker, successful, failed, dismissed, running."""
    jobs = Jobs(served.users["ann"])
    jobs.run("hello-world", {"name": "Ann"}, outputs={"echo": REFERENCE}, response="document")
    jobs.run("simple-flow", {"name": "Ann"}, response="document")
    jobs.run("vanilla-several", {})
    failed = jobs.submit("careless", {"kind": "unexpected"})
    jobs.ended(failed, "failed")
    with paused_pool(served.stack):
        dismissed = jobs.submit("slow", {"seconds": 0})
        jobs.user.delete(f"/jobs/{dismissed}").raise_for_status()
    jobs.submit("slow", LONG, key="first")
    yield jobs
    for job in jobs.ids:
        served.users["root"].delete(f"/jobs/{job}")


def outputs_of(jobs: Jobs) -> list[tuple[str, str]]:
    """Each job with the name of each of its outputs."""
    found = []
    for job in jobs.ids:
        page = jobs.user.get(f"/jobs/{job}/results", params={"f": "html"}).text
        names = set(re.findall(rf"/jobs/{job}/results/([\w-]+)", page))
        found += [(job, name) for name in sorted(names)]
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield method.upper(), path


def answers(user: httpx.Client, jobs: Jobs) -> Iterator[httpx.Response]:
    """The answers to each operation of the document with the identifiers of jobs, in each format.

    Operations that name no job are answered once; those that execute or remove are left out.
    """
    outputs = outputs_of(jobs)
    assert {job for job, _ in outputs} == set(jobs.ids[:3])
    for method, path in operations(user.get("/openapi", params={"f": "json"}).json()):
        if method != "GET":
            continue
        addresses = {path.replace("{processID}", "echo")}
        if "{outputID}" in path:
            addresses = {
                path.replace("{jobID}", job).replace("{outputID}", name) for job, name in outputs
            }
        elif "{jobID}" in path:
            addresses = {path.replace("{jobID}", job) for job in jobs.ids}
        for address in sorted(addresses):
            for way in FORMATS:
                yield user.get(address, **way)


def leads_to(reply: httpx.Response) -> set[str]:
    """The paths of this server that an answer links to, in its headers and in its body."""
    text = f"{reply.text}\n" + "\n".join(f"{k}: {v}" for k, v in reply.headers.multi_items())
    found = set()
    for match in ADDRESS.finditer(text):
        parts = urlsplit(match[1] or match[0])
        if not parts.netloc or parts.netloc == reply.url.netloc.decode():
            found.add(parts.path + (f"?{parts.query}" if parts.query else ""))
    return {path.replace("&amp;", "&") for path in found if path.startswith("/")}


def test_nothing_of_somebody_else_is_answered(served: Served, of_ann: Jobs) -> None:
    """Each path of the document, in each format, with the identifiers of the other's jobs."""
    ann, bob = served.users["ann"], served.users["bob"]
    seen, links = 0, set()
    for reply in answers(ann, of_ann):
        links |= leads_to(reply)
        if "/jobs/" not in reply.request.url.path:
            continue
        seen += reply.status_code in (200, 204, 206)
        headers = {k: v for k, v in reply.request.headers.items() if k in ("accept", "range")}
        hidden = bob.get(str(reply.request.url), headers=headers)
        assert hidden.status_code == 404, hidden.request.url
        assert hidden.text.count("There is no job") == 1
    assert seen > 50
    assert len(links) > 30
    for link in sorted(links):
        reply = bob.get(link)
        if any(job in link for job in of_ann.ids):
            assert reply.status_code == 404, link
            assert bob.head(link).status_code == 404, link
        else:
            assert not any(job in reply.text for job in of_ann.ids), link


def test_a_job_of_somebody_else_is_like_one_that_does_not_exist(
    served: Served, of_ann: Jobs
) -> None:
    """Nothing in an answer tells the two apart; neither can be removed."""
    bob, none = served.users["bob"], str(uuid.uuid4())
    for job in of_ann.ids:
        for path in ("/jobs/{}", "/jobs/{}/results", "/jobs/{}/results/result"):
            for way in FORMATS:
                theirs, missing = (bob.get(path.format(one), **way) for one in (job, none))
                assert theirs.text.replace(job, none) == missing.text
                assert headers_of(theirs) == headers_of(missing)
        assert_problem(bob.delete(f"/jobs/{job}"), 404, "no-such-job")
        assert served.users["ann"].get(f"/jobs/{job}").status_code == 200


def headers_of(reply: httpx.Response) -> list[tuple[str, str]]:
    return [(name, value) for name, value in reply.headers.multi_items() if name != "date"]


def test_no_list_count_or_page_shows_a_job_of_somebody_else(served: Served, of_ann: Jobs) -> None:
    ann, bob, admin = (served.users[name] for name in ("ann", "bob", "root"))
    own = Jobs(bob)
    for name in ("one", "two"):
        own.run("hello-world", {"name": name})
    queries: list[dict[str, Any]] = [
        {},
        {"limit": 1},
        {"offset": 1},
        {"processID": "hello-world,simple-flow,slow"},
        {"processID": "owner:" + "0" * 16},
        {"status": "accepted,running,successful,failed,dismissed"},
        {"datetime": f"../{datetime.now(UTC):%Y-%m-%d}"},
        {"minDuration": 0},
        {"type": "process", "maxDuration": 3600},
    ]
    for query in queries:
        listed = bob.get("/jobs", params={**query, "f": "json"}).json()
        assert {job["jobID"] for job in listed["jobs"]} <= set(own.ids)
        page = bob.get("/jobs", params={**query, "f": "html"}).text
        assert not any(job in page for job in of_ann.ids)
    listed = bob.get("/jobs", params={"limit": 100}).json()
    assert [job["jobID"] for job in listed["jobs"]] == own.ids[::-1]
    assert listed["numberReturned"] == 2
    assert "next" not in {link["rel"] for link in listed["links"]}
    first = bob.get("/jobs", params={"limit": 1}).json()
    [following] = [link["href"] for link in first["links"] if link["rel"] == "next"]
    second = bob.get(following).json()
    assert [job["jobID"] for job in first["jobs"] + second["jobs"]] == own.ids[::-1]
    assert "next" not in {link["rel"] for link in second["links"]}
    found = {job["jobID"] for job in ann.get("/jobs", params={"limit": 100}).json()["jobs"]}
    assert found == set(of_ann.ids)
    everybody = admin.get("/jobs", params={"limit": 1000}).json()["jobs"]
    assert {job["jobID"] for job in everybody} >= {*of_ann.ids, *own.ids}
    for job in own.ids:
        assert admin.get(f"/jobs/{job}").status_code == 200
        assert admin.delete(f"/jobs/{job}").status_code == 200


def test_a_job_carries_a_pseudonym_and_a_readable_name(served: Served, of_ann: Jobs) -> None:
    for job in of_ann.ids:
        run = prefect_run(served.stack, job)
        assert run["labels"]["pygeoapi.owner"] == f"ann-{RUN}"
        assert not [tag for tag in run["tags"] if "ann" in tag]
        assert len([tag for tag in run["tags"] if tag.startswith("owner:")]) == 1


def test_jobs_without_an_owner_are_for_administrators_only(served: Served) -> None:
    """Those of the time when the server was open belong to an address."""
    before = served.stack.submit("simple-flow", {"name": "Joe"})
    served.stack.wait_until(before, "successful")
    for name, status in (("ann", 404), ("bob", 404), ("reader", 403), ("root", 200)):
        assert served.users[name].get(f"/jobs/{before}").status_code == status
    newest = served.users["ann"].get("/jobs", params={"limit": 100}).json()["jobs"]
    assert before not in {job["jobID"] for job in newest}


def test_an_input_may_refer_to_own_outputs_only(served: Served) -> None:
    ann, bob = (Jobs(served.users[name]) for name in ("ann", "bob"))
    value = {"a": [1, 2]}
    wanted: dict[str, Any] = {"text_or_object": {}}
    ann.run("echo", {"echo": "x", "text_or_object": value}, outputs=wanted)
    href = f"{served.anonymous.base_url}/jobs/{ann.ids[0]}/results/text_or_object"
    inputs = {"echo": "x", "text_or_object": {"href": href}}
    assert ann.run("echo", inputs, outputs=wanted).json() == value
    picture = {"picture": {"href": href, "type": "image/png"}}
    for process, refused in (("echo", inputs), ("taking", picture)):
        body = {"inputs": refused}
        reply = bob.user.post(f"/processes/{process}/execution", json=body)
        assert_problem(reply, 400, "invalid-parameter-value", "There is no job")
    for job in ann.ids:
        served.users["root"].delete(f"/jobs/{job}")


def test_an_idempotency_key_belongs_to_its_user(served: Served, of_ann: Jobs) -> None:
    """The same key and body of somebody else make another job."""
    bob = Jobs(served.users["bob"])
    job = bob.submit("slow", LONG, key="first")
    again = bob.submit("slow", LONG, key="first")
    assert job == again
    assert job not in of_ann.ids
    assert of_ann.submit("slow", LONG, key="first") in of_ann.ids[:-1]
    of_ann.ids.pop()
    served.users["root"].delete(f"/jobs/{job}")


def test_every_operation_needs_its_role(served: Served) -> None:
    """The table of the code and each operation of the document, with each role."""
    document = served.users["root"].get("/openapi", params={"f": "json"}).json()
    table = {*OPERATIONS, *operations(document)}
    clients = [(None, served.anonymous), *served.users.items()]
    tried = 0
    for method, path in sorted(table):
        least = least_role(method, path)
        address = re.sub(r"\{[^}]*\}", "x", path)
        for name, client in clients:
            role = ROLES[name] if name is not None else None
            reply = client.request(method, address, headers={"Content-Type": "text/plain"})
            tried += 1
            where = f"{method} {path} by {name}: {reply.status_code}"
            if least is None or (role is not None and role >= least):
                assert reply.status_code not in (401, 403), where
                continue
            assert reply.status_code == (401 if role is None else 403), where
            assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="pygeoapi"')
            assert_problem(reply, reply.status_code)
    assert tried > 300


def test_the_document_says_what_is_enforced(served: Served) -> None:
    document = served.users["ann"].get("/openapi", params={"f": "json"}).json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey"}
    for method, path in operations(document):
        security = document["paths"][path][method.lower()]["security"]
        assert bool(security) == (least_role(method, path) is not None), path
        assert {} not in security


def test_pages_and_programs_are_asked_for_a_key(served: Served) -> None:
    page = served.anonymous.get("/jobs", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert "needs an API key" in page.text
    [style] = re.findall(r'href="([^"]*/pages\.css)"', page.text)
    assert served.anonymous.get(style).status_code == 200
    assert_problem(served.anonymous.get("/jobs"), 401, detail="needs an API key")
    forbidden = served.users["reader"].get("/jobs", headers={"Accept": "text/html"})
    assert forbidden.status_code == 403
    for probe in ("/healthz", "/readyz"):
        assert served.anonymous.get(probe).status_code == 200


def test_a_wait_for_results_needs_one_key_and_gives_the_results(served: Served) -> None:
    """The request is looked at again when its job has ended."""
    reply = served.users["bob"].post(
        "/processes/simple-flow/execution", json={"inputs": {"name": "Bob"}}
    )
    assert (reply.status_code, reply.text) == (200, "Hello Bob!")
    assert reply.headers["Cache-Control"] == "private"
    served.users["root"].delete(f"/jobs/{job_of(reply)}")


def test_revocation_rotation_and_expiry_take_effect_within_two_seconds(served: Served) -> None:
    path = served.config.with_name("keys.json")
    made = command(served, "create", "eve", "--role", "execute")
    with served.client(made) as eve:
        until(lambda: eve.get("/processes").status_code == 200)
        job = Jobs(eve).run("hello-world", {"name": "Eve"})
        rotated = command(served, "rotate", "eve")
        until(lambda: is_rejected(eve))
        with served.client(rotated) as again:
            assert again.get(f"/jobs/{job_of(job)}").status_code == 200
            command(served, "revoke", "eve")
            until(lambda: is_rejected(again))
    expires = datetime.now(UTC) + timedelta(seconds=3)
    with served.client(create(path, "max", Role.READ, expires)) as short:
        until(lambda: short.get("/processes").status_code == 200)
        wait_for(lambda: datetime.now(UTC) >= expires, 10, "the key expires")
        until(lambda: is_rejected(short))
    served.users["root"].delete(f"/jobs/{job_of(job)}")


def command(served: Served, *arguments: str) -> str:
    done = CliRunner().invoke(root, ["key", *arguments, "-c", str(served.config)])
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def is_rejected(client: httpx.Client) -> bool:
    """Whether a key is invalid; after many attempts the answer is another one."""
    return client.get("/processes").status_code in (401, 429)


def until(reached: Callable[[], bool]) -> None:
    """Wait for what has to be so within two seconds."""
    began = time.monotonic()
    wait_for(reached, SOON, "the change of the key file takes effect")
    assert time.monotonic() - began < SOON


def test_while_the_key_file_is_damaged_known_keys_stay_valid(served: Served) -> None:
    path = served.config.with_name("keys.json")
    content = path.read_bytes()
    try:
        path.write_text("{")

        def noticed() -> bool:
            """The file is looked at when a request comes."""
            assert served.users["ann"].get("/jobs").status_code == 200
            return "the keys that were read before stay valid" in served.log.read_text()

        wait_for(noticed, 10, "the log says that the file is damaged")
        assert served.users["ann"].get("/jobs").status_code == 200
    finally:
        path.write_bytes(content)
    until(lambda: served.users["bob"].get("/jobs").status_code == 200)


def test_no_key_is_written_anywhere(served: Served, of_ann: Jobs) -> None:
    """Neither to the log, nor to Prefect, nor to the file."""
    key = served.users["ann"].headers["Authorization"].partition(" ")[2]
    secret = key.rpartition("_")[2] if key.count("_") == 2 else key[18:]
    runs = [json.dumps(prefect_run(served.stack, job)) for job in of_ann.ids]
    stored = served.config.with_name("keys.json").read_text()
    for text in (served.log.read_text(), stored, *runs):
        assert secret not in text


@pytest.fixture(scope="module")
def limited(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose anonymous clients may execute some processes, and holders of keys one."""
    folder = tmp_path_factory.mktemp("limited")
    config, log = folder / "config.yml", folder / "log"
    access = {
        "anonymous": "read",
        "keys": str(folder / "keys.json"),
        "roles": {"read": ["echo", "hello-world"], "execute": ["hello-world"]},
    }
    written(stack, config, access, cors_origins=["https://maps.example.org"])
    key = create(folder / "keys.json", f"limited-{RUN}", Role.EXECUTE)
    with (
        serving(environment(stack.prefect_api_url), config, log, ready_path="/readyz") as web,
        client_of(web, key) as ann,
    ):
        yield Served(stack, web, {"ann": ann}, config, log)


def test_a_process_that_one_may_not_use_does_not_exist(limited: Served) -> None:
    for client, visible in (
        (limited.anonymous, ["echo", "hello-world"]),
        (limited.users["ann"], ["hello-world"]),
    ):
        listed = client.get("/processes", params={"limit": 100}).json()["processes"]
        assert sorted(process["id"] for process in listed) == visible
        for path in ("/", "/processes", "/openapi", "/jobs"):
            for form in ("json", "html"):
                shown = client.get(path, params={"f": form}).text
                assert "simple-flow" not in shown, f"{path} as {form}"
        hidden = client.get("/processes/simple-flow")
        missing = client.get("/processes/none-of-that-name")
        assert_problem(hidden, 404, "no-such-process")
        assert hidden.text.replace("simple-flow", "none-of-that-name") == missing.text
    ann = limited.users["ann"]
    body = {"inputs": {"name": "Ann"}}
    for process in ("simple-flow", "echo"):
        reply = ann.post(f"/processes/{process}/execution", json=body)
        assert_problem(reply, 404, "no-such-process")
    reply = ann.post("/processes/hello-world/execution", json=body)
    assert reply.status_code == 200
    assert ann.delete(f"/jobs/{job_of(reply)}").status_code == 200
    reply = limited.anonymous.post("/processes/hello-world/execution", json=body)
    assert_problem(reply, 401, detail="needs an API key")


def test_a_browser_of_another_origin_may_send_a_key(limited: Served) -> None:
    asked = {
        "Origin": "https://maps.example.org",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, x-api-key",
    }
    allowed = limited.anonymous.options("/jobs", headers=asked)
    assert allowed.status_code == 200
    accepted = allowed.headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "x-api-key"} <= set(accepted.split(", "))
    refused = limited.anonymous.get("/jobs", headers={"Origin": asked["Origin"]})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == asked["Origin"]
    assert "WWW-Authenticate" in refused.headers["Access-Control-Expose-Headers"]
