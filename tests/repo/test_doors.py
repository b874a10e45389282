"""One door to Prefect, one to its blocks: only ``engine`` talks to Prefect's API, only ``storage``
opens a block. What other rooms may import of Prefect is named here; none of it sends a request.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/pygeoapi_prefect"

# Room, or module: names that it may import of Prefect. Rooms without a line may import none.
ALLOWED: dict[str, set[str]] = {
    # Flows, and what Prefect passes to them.
    "examples": {"prefect.flow", "prefect.task", "prefect.get_run_logger"},
    "process": {
        "prefect.Flow",
        "prefect.flow",
        "prefect.cache_policies.CachePolicy",
        "prefect.cache_policies.CompoundCachePolicy",
        "prefect.cache_policies.RunId",
        "prefect.context.FlowRunContext",
        "prefect.exceptions.ObjectNotFound",
        "prefect.filesystems.LocalFileSystem",
        "prefect.filesystems.RemoteFileSystem",
        "prefect.locking.filesystem.FileSystemLockManager",
        "prefect.runtime.flow_run",  # the identifier of the current run, from the context
    },
    "deploy": {"prefect.Flow", "prefect.utilities.callables.parameter_schema"},
    "jobs": {"prefect.exceptions.ObjectNotFound"},
    "storage": {
        "prefect.blocks.core.Block",
        "prefect.client.schemas.objects.BlockDocument",
        "prefect.exceptions.ObjectNotFound",
        "prefect.filesystems.LocalFileSystem",
        "prefect.filesystems.RemoteFileSystem",
        "prefect.settings.PREFECT_LOCAL_STORAGE_PATH",
    },
    # Prefect starts the worker, and runs the flow in the job's process.
    "worker": {
        "prefect.Flow",
        "prefect.client.orchestration.PrefectClient",
        "prefect.client.orchestration.SyncPrefectClient",
        "prefect.client.schemas.objects.BlockDocument",
        "prefect.client.schemas.objects.FlowRun",
        "prefect.client.schemas.objects.State",
        "prefect.client.schemas.objects.WorkPool",
        "prefect.context.SyncClientContext",
        "prefect.exceptions.Abort",
        "prefect.exceptions.ObjectNotFound",
        "prefect.exceptions.TerminationSignal",
        "prefect.logging.handlers.PrefectConsoleHandler",
        "prefect.logging.loggers.flow_run_logger",
        "prefect.logging.loggers.get_logger",
        "prefect.settings.PREFECT_LOGGING_LEVEL",
        "prefect.workers.base.BaseWorker",
        "prefect.workers.base.BaseWorkerResult",
    },
}
CLIENTS = {"httpx", "requests", "urllib.request", "http.client", "minio"}
# Who sends HTTP requests: to Prefect, to addresses of clients, to services that start, to MinIO.
HTTP_ROOMS = {"engine", "outgoing", "embedded", "bootstrap"}
# A method of a client of Prefect's that a room got hold of would be a second door.
CLIENT_METHODS = re.compile(
    r"(create|read|update|delete|set|count)_.*(flow|task_run|deployment|block|work_|log|variable)"
)
BLOCK_MODULES = ("prefect.blocks", "pygeoapi_prefect.engine.internals.blocks.block_of")
BLOCK_ROUTES = {"read_block", "find_block"}


def modules(*doors: str) -> Iterator[tuple[str, ast.Module]]:
    """All modules but those of these rooms: path and tree."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if not name.startswith(tuple(f"{door}/" for door in doors)):
            yield name, ast.parse(path.read_text(), name)


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def foreign(name: str, tree: ast.Module) -> set[str]:
    """Names of Prefect that a module imports and its room may not."""
    used = {one for one in imported(tree) if one.partition(".")[0] == "prefect"}
    return used - ALLOWED.get(name.partition("/")[0], set())


def client_calls(tree: ast.Module) -> set[str]:
    """Methods that are called on something named ``client``."""
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value).endswith("client")
        and CLIENT_METHODS.match(node.func.attr)
    }


def opened_blocks(tree: ast.Module) -> set[str]:
    """Ways in which a module opens a block itself."""
    found = {name for name in imported(tree) if name.startswith(BLOCK_MODULES)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            is_route = owner.endswith("routes") and node.attr in BLOCK_ROUTES
            is_load = node.attr in ("load", "aload") and owner.endswith(("Block", "FileSystem"))
            if is_route or is_load:
                found.add(f"{owner}.{node.attr}")
    return found


def test_only_engine_talks_to_prefect() -> None:
    others = dict(modules("engine"))
    assert {name: names for name in others if (names := foreign(name, others[name]))} == {}
    assert {name: calls for name in others if (calls := client_calls(others[name]))} == {}


def test_no_name_is_allowed_that_nobody_uses() -> None:
    used: dict[str, set[str]] = {}
    for name, tree in modules("engine"):
        used.setdefault(name.partition("/")[0], set()).update(imported(tree))
    idle = {room: names - used.get(room, set()) for room, names in ALLOWED.items()}
    assert {room: names for room, names in idle.items() if names} == {}


def test_only_rooms_with_a_door_outwards_have_an_http_client() -> None:
    found = {
        name
        for name, tree in modules(*HTTP_ROOMS)
        if any(
            one == client or one.startswith(f"{client}.")
            for one in imported(tree)
            for client in CLIENTS
        )
    }
    assert found == set()


def test_only_storage_opens_a_block() -> None:
    others = modules("engine", "storage")
    assert {name: ways for name, tree in others if (ways := opened_blocks(tree))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "from prefect.client.orchestration import get_client",
        "import prefect",
        "from prefect.events.clients import get_events_subscriber",
        "from prefect import flow as a_flow, runtime",
    ],
)
def test_another_door_to_prefect_is_noticed(line: str) -> None:
    assert foreign("jobs/service.py", ast.parse(line))


def test_a_request_by_a_client_of_prefects_is_noticed() -> None:
    tree = ast.parse("with api() as client:\n    client.read_flow_run(1)")
    assert client_calls(tree) == {"read_flow_run"}


@pytest.mark.parametrize(
    "line",
    [
        "from prefect.blocks.core import Block",
        "RemoteFileSystem.load('results')",
        "api.send(routes.find_block('a', 'b'))",
    ],
)
def test_another_door_to_blocks_is_noticed(line: str) -> None:
    assert opened_blocks(ast.parse(line))
