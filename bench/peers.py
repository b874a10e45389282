"""pygeoapi-prefect 0.9.1 and pygeoapi's TinyDB manager, each in a locked environment of its own."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.client import Client
from bench.running import Running
from bench.systems import HERE, layout_in
from pygeoapi_prefect.embedded import services
from pygeoapi_prefect.embedded.credentials import basic
from pygeoapi_prefect.embedded.layout import Layout

PREFECT_091 = "pygeoapi-prefect-0.9.1"
PYGEOAPI = "pygeoapi-0.24"
TEXT = {"title": "Text", "description": "A text"}  # pygeoapi's OpenAPI document wants both
STRING = TEXT | {"schema": {"type": "string"}}


def peer_python(name: str) -> Path:
    """The Python of a peer's environment, which ``scripts/bench`` makes."""
    return HERE / "peers" / name / ".venv" / "bin" / "python"


def peer_environment(layout: Layout, name: str) -> dict[str, str]:
    """Like that of our own processes, with the peer's Python first and pygeoapi's two files."""
    env = services.client_environment(layout)
    return env | {
        "PATH": f"{peer_python(name).parent}:{env['PATH']}",
        "PYGEOAPI_CONFIG": str(layout.config),
        "PYGEOAPI_OPENAPI": str(layout.state / "openapi.yml"),
    }


def write_config(layout: Layout, manager: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
    """The repository's configuration with another manager and other processes."""
    config = yaml.safe_load((HERE.parent / "pygeoapi-config.yml").read_text())
    config["server"] |= {"url": layout.local_url, "manager": dict(manager)}
    config["resources"] = {
        "hello-world": {"type": "process", "processor": {"name": "HelloWorld"}},
        **resources,
    }
    layout.config.write_text(yaml.safe_dump(config, width=1000))


def start_web(running: Running, name: str) -> None:
    """Pygeoapi's own application, with as many processes and threads as ours has."""
    layout, python = running.layout, peer_python(name)
    env = peer_environment(layout, name)
    generate = ["openapi", "generate", str(layout.config), "-of", env["PYGEOAPI_OPENAPI"]]
    running.run("openapi", [python.with_name("pygeoapi"), *generate], env)
    command = [str(python), "-m", "gunicorn", "--bind", f"127.0.0.1:{layout.port}"]
    command += ["--worker-class", "gthread", "--no-control-socket", "--graceful-timeout", "3"]
    command += ["--workers", str(services.WEB_PROCESSES), "--threads", str(services.WEB_THREADS)]
    running.web([*command, "pygeoapi.flask_app:APP"], env)


@contextmanager
def prefect_091(state: Path) -> Iterator[Running]:
    """pygeoapi-prefect 0.9.1 with its own example flow, served as that example serves it.

    It has a Prefect server of its own: its job list fails on runs of flows that it does not know.
    """
    layout = layout_in(state)
    deployment = {
        "name": "simple-flow/first-deployment",
        "result_storage_key_template": "{job_id}.pickle",
    }
    message = STRING | {"minOccurs": 0}
    metadata = TEXT | {
        "inputs": {"name": STRING, "message": message},
        "outputs": {"result": STRING},
        "example": {"inputs": {"name": "Ann"}},
    }
    write_config(
        layout,
        {"name": "pygeoapi_prefect.PrefectManager", "enable_sync_job_execution": True},
        {
            "simple-flow": {
                "type": "process",
                "processor": {
                    "name": "simple-flow",
                    "prefect": {"deployment": deployment, "metadata": metadata},
                },
            }
        },
    )
    with Running(layout) as running:
        running.engine()
        start_web(running, PREFECT_091)
        serve = [str(peer_python(PREFECT_091)), "-m", "pygeoapi_prefect.examples.simple_flow"]
        child = running.spawn("worker", serve, peer_environment(layout, PREFECT_091))
        url = f"{layout.prefect_api_url}/deployments/name/{deployment['name']}"
        running.until(child, lambda: running.answers(url, basic(layout.auth_string)))
        yield running


@contextmanager
def tinydb(state: Path) -> Iterator[Running]:
    """Pygeoapi with its TinyDB manager: all work is done by threads of the web processes."""
    layout = layout_in(state)
    for old in (store(layout), Path(f"{store(layout)}.lock")):
        old.unlink(missing_ok=True)
    outputs = state / "outputs"
    outputs.mkdir(exist_ok=True)
    manager = {"name": "TinyDB", "connection": str(store(layout)), "output_dir": str(outputs)}
    write_config(layout, manager, {})
    with Running(layout) as running:
        start_web(running, PYGEOAPI)
        yield running


def store(layout: Layout) -> Path:
    """TinyDB's file."""
    return layout.state / "jobs.json"


def fill_store(running: Running, jobs: int) -> None:
    """Make the store hold ``jobs`` finished jobs: copies of one that has just run."""
    with Client(running.layout.local_url) as client:
        client.sync("hello-world", {"name": "Ann"})
    file = store(running.layout)
    tables = json.loads(file.read_text())
    (name,) = tables
    *_, last = tables[name].values()
    copies = {str(n): last | {"identifier": str(uuid.uuid4())} for n in range(1, jobs + 1)}
    file.write_text(json.dumps({name: copies}))
