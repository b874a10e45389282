"""A web application of its own, under gunicorn as in production."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from support.polling import wait_for
from support.stack import REPOSITORY, TEST_PROCESSES, free_port

START_SECONDS = 180
STOP_SECONDS = 40


def gunicorn(environment: Mapping[str, str], port: int, log: Path) -> subprocess.Popen[bytes]:
    """Start the web application; ``PYGEOAPI_CONFIG`` is in the environment."""
    settings = "python:pygeoapi_prefect.web.serving"
    command = ["-m", "gunicorn", "--config", settings, "--threads", "8"]
    command += ["--bind", f"127.0.0.1:{port}", "pygeoapi_prefect.web.app:create_app()"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, *command],
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def environment(prefect_api_url: str) -> dict[str, str]:
    """The environment of a web application that uses Prefect at this address."""
    paths = [str(REPOSITORY / "flows"), str(TEST_PROCESSES), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PREFECT_API_URL": prefect_api_url, "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def serving(
    environment: Mapping[str, str],
    config: Path,
    log: Path,
    ready_path: str = "/readyz",
    public_url: str | None = None,
) -> Iterator[httpx.Client]:
    """A web application with this configuration, from when ``ready_path`` answers 200."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_URL": public_url or url}
    process = gunicorn({**environment, **own}, port, log)
    try:
        with httpx.Client(base_url=url, timeout=90, trust_env=False) as client:

            def ready() -> bool:
                assert process.poll() is None, log.read_text()
                try:
                    return client.get(ready_path).status_code == 200
                except httpx.TransportError:
                    return False

            wait_for(ready, START_SECONDS, log.read_text)
            yield client
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
