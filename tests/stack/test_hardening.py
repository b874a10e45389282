"""What each container may do, what listens, who reaches whom, and where secrets are."""

import json
import subprocess
from itertools import permutations

import pytest

from support.compose import IMAGES, LONG_RUNNING, ComposeStack

SECRETS = (
    *("POSTGRES_PASSWORD", "MINIO_ROOT_PASSWORD", "S3_SECRET_KEY"),
    *("PREFECT_AUTH_STRING", "PYGEOAPI_DEPLOYMENT_KEY", "PREFECT_ENCRYPTION_KEY"),
)
SERVICES = (*LONG_RUNNING, "bootstrap", "drainer")
PORTS = {"postgres": 5432, "minio": 9000, "prefect-server": 4200, "pygeoapi": 5000, "worker": 8080}
# Who connects to whom because it must.
NEEDED = {
    ("prefect-server", "postgres"),
    ("worker", "prefect-server"),
    ("worker", "minio"),
    ("pygeoapi", "prefect-server"),
    ("pygeoapi", "minio"),
}
# What comes with sharing a network: all of "back" and the database reach Prefect's API, which wants
# its secret, and pygeoapi's port is public anyway. Nobody but Prefect reaches the database, nobody
# the worker.
ALLOWED = NEEDED | {
    ("postgres", "prefect-server"),
    ("minio", "prefect-server"),
    ("minio", "pygeoapi"),
    ("prefect-server", "minio"),
    ("prefect-server", "pygeoapi"),
    ("worker", "pygeoapi"),
}
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2).close()
except OSError as error:
    sys.exit(str(error))
"""

ASK = """
import http.client, sys
for path, host in (("/api/ready", ""), ("/api/version", ""), ("/api/ready", "evil.example.org")):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=10)
    connection.request("GET", path, headers={"Host": host or sys.argv[1]})
    print(connection.getresponse().status)
"""


@pytest.mark.parametrize("service", SERVICES)
def test_container_is_hardened(stack: ComposeStack, service: str) -> None:
    for container in stack.containers(service):
        host = container["HostConfig"]
        assert container["Config"]["User"] == "10001:10001"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert not host["Privileged"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Init"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0
        assert host["LogConfig"]["Config"]["max-size"]
        assert host["RestartPolicy"]["Name"] in ("unless-stopped", "on-failure")
        assert not any(mount["Type"] == "bind" for mount in container["Mounts"])


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_main_process_has_no_capability(stack: ComposeStack, service: str) -> None:
    pid = stack.container(service)["State"]["Pid"]
    status = stack.run("cat", f"/proc/{pid}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {"0000000000000000"}
    assert fields["NoNewPrivs"] == "1"
    assert set(fields["Uid"].split()) == {"10001"}


def test_only_pygeoapi_listens_beyond_loopback(stack: ComposeStack) -> None:
    beyond = {}
    for service in SERVICES:
        bindings = stack.container(service)["HostConfig"]["PortBindings"] or {}
        hosts = {entry["HostIp"] for entries in bindings.values() for entry in entries}
        if hosts - {"127.0.0.1"}:
            beyond[service] = hosts
    assert beyond == {}


def addresses(stack: ComposeStack, service: str) -> list[str]:
    networks = stack.container(service)["NetworkSettings"]["Networks"].values()
    return [network["IPAddress"] for network in networks]


def connects(stack: ComposeStack, source: str, address: str, port: int) -> bool:
    # By a container of ours in the source's network: not every image has a program for it.
    network = f"container:{stack.container(source)['Id']}"
    line = ["docker", "run", "--rm", "--network", network, f"{IMAGES}-pygeoapi:local"]
    line += ["python3", "-IS", "-c", CONNECT, address, str(port)]
    return subprocess.run(line, capture_output=True, check=False, timeout=30).returncode == 0


def test_only_allowed_pairs_connect(stack: ComposeStack) -> None:
    where = {service: addresses(stack, service) for service in LONG_RUNNING}
    reached = {
        (source, target)
        for source, target in permutations(LONG_RUNNING, 2)
        if any(connects(stack, source, address, PORTS[target]) for address in where[target])
    }
    assert reached >= NEEDED
    assert reached <= ALLOWED


def test_images_hold_no_secret(stack: ComposeStack) -> None:
    secrets = [stack.secret(name) for name in SECRETS]
    for name in ("pygeoapi", "server", "postgres", "minio"):
        image = f"{IMAGES}-{name}:local"
        told = stack.run("docker", "inspect", image)
        told += stack.run("docker", "history", "--no-trunc", image)
        assert not any(secret in told for secret in secrets)
        for variable in json.loads(stack.run("docker", "inspect", image))[0]["Config"]["Env"] or []:
            key, _, value = variable.partition("=")
            assert not value or not any(word in key for word in ("PASSWORD", "SECRET", "TOKEN"))


def test_only_the_bootstrap_has_the_root_key(stack: ComposeStack) -> None:
    root = stack.secret("MINIO_ROOT_PASSWORD")
    holders = {
        service for service in SERVICES if root in str(stack.container(service)["Config"]["Env"])
    }
    assert holders == {"minio", "bootstrap"}


def test_who_has_prefects_secret(stack: ComposeStack) -> None:
    secret = stack.secret("PREFECT_AUTH_STRING")
    holders = {
        service for service in SERVICES if secret in str(stack.container(service)["Config"]["Env"])
    }
    assert holders == set(SERVICES) - {"postgres", "minio"}


def test_who_has_the_key_of_deployments(stack: ComposeStack) -> None:
    key = stack.secret("PYGEOAPI_DEPLOYMENT_KEY")
    holders = {
        service for service in SERVICES if key in str(stack.container(service)["Config"]["Env"])
    }
    assert holders == {"bootstrap", "worker", "drainer"}  # that one has all of the worker's


@pytest.mark.parametrize("source", ["postgres", "minio", "worker", "pygeoapi"])
def test_prefect_tells_nobody_without_the_secret(stack: ComposeStack, source: str) -> None:
    network = f"container:{stack.container(source)['Id']}"
    line = ["docker", "run", "--rm", "--network", network, f"{IMAGES}-pygeoapi:local"]
    asked = [*line, "python3", "-IS", "-c", ASK, "prefect-server:4200"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.split() == ["200", "401", "403"]


def test_pages_and_names_that_prefect_rejects(stack: ComposeStack) -> None:
    evil = "http://evil.example.org"
    assert stack.prefect.get("/version").status_code == 200
    assert stack.prefect.get("/version", headers={"Origin": evil}).status_code == 403
    assert stack.prefect.get("/version", headers={"Host": "evil.example.org"}).status_code == 403


def test_services_key_is_limited_to_the_two_buckets(stack: ComposeStack) -> None:
    code = (
        "from pygeoapi_prefect.bootstrap.stores import Endpoint\n"
        "c = Endpoint.from_env().client()\n"
        "try:\n    c.make_bucket('another')\nexcept Exception as e:\n    print(e.code)"
    )
    assert "AccessDenied" in stack.compose("exec", "-T", "worker", "python", "-c", code)


def test_missing_secrets_are_named(stack: ComposeStack) -> None:
    example = stack.folder / ".env.example"
    said = stack.compose("--env-file", str(example), "config", "-q", check=False)
    assert any(name in said for name in SECRETS)
    assert "scripts/setup" in said


def test_minio_is_the_pinned_version(stack: ComposeStack) -> None:
    said = stack.run("docker", "run", "--rm", f"{IMAGES}-minio:local", "--version")
    assert "DEVELOPMENT.2026-02-12T20-18-48Z" in said
    files = stack.run(
        "bash",
        "-c",
        f"id=$(docker create {IMAGES}-minio:local); docker export $id | tar t; "
        "docker rm $id >/dev/null",
    )
    assert {"usr/bin/minio", "usr/bin/health"} <= set(files.split())
    assert not any(name.endswith(("/sh", "/bash")) for name in files.split())
