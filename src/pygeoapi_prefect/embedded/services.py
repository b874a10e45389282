"""Command line and environment of each process of the stack."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pygeoapi_prefect.embedded import postgres, preload
from pygeoapi_prefect.embedded.layout import CODE_BLOCK, POOL, QUEUE, RESULT_BLOCK, Layout
from pygeoapi_prefect.embedded.processes import MARK

APP = "pygeoapi_prefect.web.app:create_app()"
CORE_VIEWS = "coverages environmental_data_retrieval itemtypes maps processes stac tiles"
SHARED_IMPORTS = ",".join(
    [
        *("pygeoapi.openapi", "pygeoapi.asyncapi", "pygeoapi_prefect.web.app"),
        *(f"pygeoapi.api.{name}" for name in CORE_VIEWS.split()),
    ]
)
"""Modules that the web processes share; importing them starts nothing."""
PREFECT_SERVER = "pygeoapi_prefect.engine.internals.server"
WORKER_NAME = "embedded"
WEB_PROCESSES = 2
WEB_THREADS = 16
KEEP_ALIVE_SECONDS = 75  # longer than any client of ours keeps an idle connection
LOCAL_BLOCK = "local-file-system"
LOG_CHOICES = ("PYGEOAPI_LOG_MAX_LINES", "PYGEOAPI_LOG_MAX_MB", "PREFECT_LOGGING_LEVEL")
WORKER_CHOICES = (*LOG_CHOICES, "PYGEOAPI_WORKER_PRELOAD", "PYGEOAPI_WORKER_HEALTH_FILE")
"""Variables of the caller that change how a part works, and not where it finds the others."""


@dataclass(frozen=True)
class Program:
    """Command and environment of one process of the stack.

    Attributes:
        name: What it is called in messages and in its log's name.
        command: Command line.
        env: Environment.
        cwd: Working directory.
        stop_signal: Signal that makes it end in good order.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    stop_signal: signal.Signals = signal.SIGTERM


def postgres_program(layout: Layout) -> Program:
    """PostgreSQL, which ends its sessions at once on SIGINT."""
    command, env = postgres.command(layout), environment(layout)
    return Program("postgres", command, env, layout.scratch, signal.SIGINT)


def python_programs(layout: Layout) -> list[Program]:
    """All others, in the order of their start; they wait for Prefect's server by themselves."""
    web, here = web_environment(layout), Path.cwd()
    server = prefect_command(layout), prefect_environment(layout)
    worker = worker_command(layout), worker_environment(layout)
    return [
        Program("prefect", *server, layout.scratch),
        Program("bootstrap", bootstrap_command(layout), bootstrap_environment(layout), here),
        Program("pygeoapi", web_command(layout), web, here),
        Program("worker", *worker, layout.scratch),
    ]


def environment(layout: Layout) -> dict[str, str]:
    """Common environment: the caller's, without settings of another Prefect; has no secret."""
    ours = ("PREFECT_", "PYGEOAPI_")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)} | {
        MARK: str(layout.state),
        # Flow runs are started as "python -m prefect.engine", which must be this Python.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(layout.prefect_home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # each job would ask this server in vain
        "PYTHONUNBUFFERED": "1",
    }


def client_environment(layout: Layout) -> dict[str, str]:
    """Environment of everything that sends requests to Prefect."""
    return environment(layout) | {
        "PREFECT_API_URL": layout.prefect_api_url,
        "PREFECT_API_AUTH_STRING": layout.auth_string,
    }


def chosen(names: Sequence[str]) -> dict[str, str]:
    """Variables that the caller has set; an empty one counts as not set, as in Compose."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def preloaded(program: str, modules: str, wait_for: str = preload.NOTHING) -> list[str]:
    """The start of a command line that runs ``python -m program``; see ``preload``."""
    return [sys.executable, "-m", preload.__name__, wait_for, modules, program]


def prefect_environment(layout: Layout) -> dict[str, str]:
    """The Prefect server's environment."""
    return environment(layout) | {
        "PREFECT__SERVER_FINAL": "1",  # as `prefect server start` does: settings change no more
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(layout.prefect_port),
        "PREFECT_SERVER_API_AUTH_STRING": layout.auth_string,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(layout.prefect_origins),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": postgres.connection_url(layout),
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        # Delay before a job postponed by its concurrency limit is tried again.
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
        # Each waiting run that Prefect marks as late costs it a change of state.
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "3600",
        "PREFECT_SERVER_UI_API_URL": layout.prefect_api_url,
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


def prefect_command(layout: Layout) -> list[str]:
    """The Prefect server, as ``prefect server start`` would run it but without loading its CLI."""
    return [
        *preloaded("uvicorn", PREFECT_SERVER),
        *("--factory", f"{PREFECT_SERVER}:create_app"),
        *("--host", "127.0.0.1", "--port", str(layout.prefect_port)),
        *("--timeout-keep-alive", str(KEEP_ALIVE_SECONDS), "--timeout-graceful-shutdown", "2"),
        *("--loop", "uvloop", "--http", "httptools"),
        *("--log-level", "warning", "--no-access-log"),
    ]


def worker_environment(layout: Layout) -> dict[str, str]:
    """The worker's environment; its jobs inherit it. No result settings: deployments have them."""
    return (
        client_environment(layout)
        | chosen(WORKER_CHOICES)
        | {
            "PREFECT_WORKER_QUERY_SECONDS": "5",  # events tell it of runs; this is the safety net
            "PYGEOAPI_WORKER_GRACE_SECONDS": "3",
            "PYGEOAPI_DEPLOYMENT_KEY": layout.deployment_key,
            "TMPDIR": str(layout.scratch),
        }
    )


def worker_command(layout: Layout) -> list[str]:
    """The worker, loaded while the server still starts."""
    queue = f"{layout.prefect_api_url}/work_pools/{POOL}/queues/{QUEUE}"
    return [
        *preloaded("prefect", "prefect.cli.worker,pygeoapi_prefect.worker.worker", wait_for=queue),
        *("worker", "start", "--pool", POOL, "--work-queue", QUEUE),
        *("--type", "pygeoapi", "--name", WORKER_NAME, "--install-policy", "never"),
    ]


def web_environment(layout: Layout) -> dict[str, str]:
    """The environment of pygeoapi."""
    paths = [*map(str, layout.flows), os.environ.get("PYTHONPATH", "")]
    return (
        client_environment(layout)
        | chosen(LOG_CHOICES)
        | {
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PYGEOAPI_CONFIG": str(layout.config),
            "PYGEOAPI_URL": layout.url,
            "PYGEOAPI_BIND": "127.0.0.1",
            "PREFECT_UI_URL": layout.prefect_url,
            "RESULT_BLOCK": f"{LOCAL_BLOCK}/{RESULT_BLOCK}",
            "CODE_BLOCK": f"{LOCAL_BLOCK}/{CODE_BLOCK}",
        }
    )


def bootstrap_environment(layout: Layout) -> dict[str, str]:
    """The environment of the bootstrap: it imports the processes, and signs their deployments."""
    return web_environment(layout) | {"PYGEOAPI_DEPLOYMENT_KEY": layout.deployment_key}


def web_command(layout: Layout) -> list[str]:
    """gunicorn; threads, because a waiting synchronous execution holds one."""
    return [
        *preloaded("gunicorn", SHARED_IMPORTS),
        *("--bind", f"127.0.0.1:{layout.port}"),
        *("--config", "python:pygeoapi_prefect.web.serving", "--graceful-timeout", "3"),
        *("--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS)),
        *("--worker-tmp-dir", str(layout.scratch), APP),
    ]


def bootstrap_command(layout: Layout) -> list[str]:
    """The process that makes pool, queue, blocks and deployments, then ends."""
    return [
        *preloaded("pygeoapi_prefect.embedded.bootstrap", "pygeoapi_prefect.deploy.deployments"),
        *(f"{layout.prefect_api_url}/ready", str(layout.config)),
        *(str(layout.results), str(layout.code)),
    ]
