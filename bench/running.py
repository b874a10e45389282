"""The processes of one system under test: started, waited for, and ended whatever happens."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from bench.client import BenchError, require_loopback
from pygeoapi_prefect.embedded import credentials, postgres, services
from pygeoapi_prefect.embedded.layout import Layout
from pygeoapi_prefect.embedded.processes import (
    Child,
    Identity,
    end,
    end_children,
    marked,
    spawn,
    tail,
)

READY_SECONDS = 180.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05


class Running:
    """The processes of a system, ended when the context is left, the last started first.

    Args:
        layout: Folder and ports; all processes carry the folder as their mark.

    Attributes:
        cold_start: Seconds from the start of the web process to its first answer.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.cold_start = 0.0
        self._children: list[Child] = []
        self._http = httpx.Client(trust_env=False, timeout=30)

    def __enter__(self) -> "Running":
        self.layout.make_folders()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        for child in reversed(self._children):
            end_children([child], STOP_SECONDS)
        end(marked(str(self.layout.state)), signal.SIGKILL, STOP_SECONDS)

    @property
    def roots(self) -> dict[str, Identity]:
        """The roots of the process trees that run, by name."""
        return {child.name: child.identity for child in self._children if not child.ended()}

    def spawn(
        self,
        name: str,
        command: Sequence[str | Path],
        env: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
        cwd: Path | None = None,
    ) -> Child:
        """Start a process; its output goes to a log in the layout's folder."""
        child = spawn(
            name,
            command,
            env=env,
            cwd=cwd or self.layout.scratch,
            logs=self.layout.logs,
            stop_signal=stop_signal,
        )
        self._children.append(child)
        return child

    def run(self, name: str, command: Sequence[str | Path], env: Mapping[str, str]) -> None:
        """Run a command to its end.

        Raises:
            BenchError: It failed, or did not end in time.
        """
        child = self.spawn(name, command, env, cwd=Path.cwd())
        self.until(child, child.ended)
        if child.process.returncode != 0:
            raise BenchError(f"{name} failed:\n{tail(child.log)}")
        self._children.remove(child)

    def until(self, child: Child, ready: Callable[[], bool]) -> float:
        """Poll until the child is ready; the seconds that took.

        Raises:
            BenchError: It ended, or is not ready in time.
        """
        began = time.perf_counter()
        while not ready():
            late = time.perf_counter() - began > READY_SECONDS
            if late or child.ended():
                how = "is not ready" if late else "ended"
                raise BenchError(f"{child.name} {how}:\n{tail(child.log)}")
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - began

    def answers(self, url: str, auth: tuple[str, str] | None = None) -> bool:
        """Return true if a GET, with user and password if there are any, gets 200 now."""
        try:
            return self._http.get(require_loopback(url), auth=auth).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def prefect(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A call of Prefect's API.

        Raises:
            httpx.HTTPStatusError: It was refused.
        """
        url = require_loopback(f"{self.layout.prefect_api_url}{path}")
        auth = credentials.basic(self.layout.auth_string)
        return self._http.request(method, url, json=body, auth=auth).raise_for_status()

    def engine(self) -> None:
        """Start PostgreSQL and the Prefect server, as the embedded stack does."""
        layout = self.layout
        postgres.initialise(layout)
        environment = services.environment(layout)
        database = self.spawn("postgres", postgres.command(layout), environment, signal.SIGINT)
        self.until(database, lambda: postgres.accepts_connections(layout))
        server = self.spawn(
            "prefect", services.prefect_command(layout), services.prefect_environment(layout)
        )
        self.until(server, lambda: self.answers(f"{layout.prefect_api_url}/ready"))

    def web(self, command: Sequence[str | Path], env: Mapping[str, str]) -> None:
        """Start pygeoapi, and take the time to its first answer."""
        child = self.spawn("web", command, env, cwd=Path.cwd())
        url = f"{self.layout.local_url}/processes?f=json"
        self.cold_start = self.until(child, lambda: self.answers(url))
