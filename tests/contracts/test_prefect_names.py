"""Prefect still has each name that we import, and the private ones still mean what we need."""

import ast
import importlib
import inspect
import logging
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest

from support.stack import REPOSITORY

SOURCE = REPOSITORY / "src" / "pygeoapi_prefect"
INTERNALS = SOURCE / "engine" / "internals"


def imported_names() -> Iterator[tuple[str, str, str]]:
    """Module, name and file of each import from Prefect in the whole library."""
    seen = set()
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prefect"):
                found = [(str(node.module), alias.name) for alias in node.names]
            elif isinstance(node, ast.Import):
                found = [(one.name, "") for one in node.names if one.name.startswith("prefect")]
            else:
                continue
            for module, name in found:
                if module.partition(".")[0] == "prefect" and (module, name) not in seen:
                    seen.add((module, name))
                    yield module, name, str(file.relative_to(REPOSITORY))


def found_in(module: str, name: str, why: str) -> Any:
    """What Prefect has under a name; fails with a sentence that says what needs it."""
    try:
        holder = importlib.import_module(module)
    except ImportError as error:
        pytest.fail(f"Prefect has no module {module} any more ({error}); {why}")
    if not name:
        return holder
    if not hasattr(holder, name):
        try:
            return importlib.import_module(f"{module}.{name}")
        except ImportError:
            pytest.fail(f"Prefect's {module} has no {name} any more; {why}")
    return getattr(holder, name)


HAVE_TESTS_BELOW = {
    ("prefect._internal", "control_listener"),
    ("prefect._internal.engine", "get_hook_name"),
    ("prefect.engine", "_drive_run_flow_result"),
    ("prefect.flows", "load_flow_from_entrypoint"),
}


@pytest.mark.parametrize(
    ("module", "name", "file"),
    [row for row in imported_names() if row[:2] not in HAVE_TESTS_BELOW],
    ids=lambda value: value if not str(value).endswith(".py") else "",
)
def test_prefect_has_the_name(module: str, name: str, file: str) -> None:
    found_in(module, name, f"{file} imports it")


# -- Running a flow ------------------------------------------------------------------------------


def test_the_engine_reads_the_meaning_of_sigterm_where_we_write_it() -> None:
    why = "a dismissed job would be reported as crashed (internals/signals.py)"
    listener = found_in("prefect._internal.control_listener", "", why)
    record = found_in("prefect._internal.control_listener", "_set_intent", why)
    read = found_in("prefect.flow_engine", "_termination_intent", why)
    known = get_args(found_in("prefect._internal.attempt_control", "Intent", why))
    for intent in ("cancel", "relinquish"):
        assert intent in known, f"Prefect no longer knows the intent {intent!r}; {why}"
        record(intent)
        try:
            assert read() == intent, f"Prefect's engine does not read the intent; {why}"
        finally:
            listener.clear_intent()


def test_a_generator_flow_is_run_to_its_end() -> None:
    from prefect import flow

    why = "flows that yield would never run (internals/running.py)"
    drive = found_in("prefect.engine", "_drive_run_flow_result", why)
    steps: list[int] = []

    def generate() -> Iterator[int]:
        for number in range(3):
            steps.append(number)
            yield number

    drive(flow(generate), generate())
    assert steps == [0, 1, 2], f"Prefect does not consume a generator; {why}"


def test_a_flow_is_run_for_a_run_that_exists_with_our_logger() -> None:
    run_flow = found_in("prefect.flow_engine", "run_flow", "jobs are run by it")
    missing = {"flow", "flow_run", "return_type", "error_logger"} - set(
        inspect.signature(run_flow).parameters
    )
    assert not missing, f"Prefect's run_flow takes no {missing} any more (internals/running.py)"


def test_a_hook_has_the_name_that_prefect_logs() -> None:
    name = found_in("prefect._internal.engine", "get_hook_name", "the worker's log names hooks")
    assert name(generate_nothing) == "generate_nothing"


def generate_nothing() -> None:
    """A hook."""


def test_a_flow_is_loaded_from_an_entry_point(tmp_path: Path) -> None:
    why = "the code of jobs could not be loaded (internals/running.py)"
    load = found_in("prefect.flows", "load_flow_from_entrypoint", why)
    file = tmp_path / "contract_flow.py"
    file.write_text("from prefect import flow\n@flow(name='contract')\ndef one():\n    return 1\n")
    found = load(f"{file}:one", use_placeholder_flow=False)
    assert found.name == "contract", why


def test_events_are_drained_within_a_time() -> None:
    from prefect.events.worker import EventsWorker

    why = "the last events of a job would be lost (internals/running.py)"
    assert "timeout" in inspect.signature(EventsWorker.drain_all).parameters, why


def test_the_identifier_of_the_run_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from prefect.runtime import flow_run

    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "0195a1c4-0000-7000-8000-000000000001")
    why = "progress and subprocesses of jobs find no run (worker's job process sets it)"
    assert flow_run.get_id() == os.environ["PREFECT__FLOW_RUN_ID"], why


# -- Settings ------------------------------------------------------------------------------------


def test_an_engine_without_heartbeat_starts_no_thread() -> None:
    import threading

    from prefect import flow, flow_engine
    from prefect.context import SettingsContext, get_settings_context
    from prefect.settings.models.root import Settings

    def example() -> None:
        """A flow."""

    why = "each job lasts a second longer (internals/settings.py)"
    engine = flow_engine.FlowRunEngine(flow=flow(example))
    assert engine.heartbeat_seconds, "Prefect has no heartbeat by default: the setting can go"
    flows = Settings().flows.model_copy(update={"heartbeat_frequency": None})
    chosen = Settings().model_copy(update={"flows": flows})
    with SettingsContext(profile=get_settings_context().profile, settings=chosen):
        assert engine.heartbeat_seconds is None, f"the setting has another name; {why}"
        before = threading.active_count()
        with flow_engine._send_heartbeats(engine):
            assert threading.active_count() == before, why


def test_settings_are_changed_for_one_client() -> None:
    from prefect.context import SettingsContext, get_settings_context
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

    current = get_settings_context()
    why = "Prefect's client would retry for minutes (internals/settings.py)"
    assert PREFECT_CLIENT_MAX_RETRIES.value() > 0, "Prefect does not retry by default: this can go"
    client = current.settings.client.model_copy(update={"max_retries": 0})
    settings = current.settings.model_copy(update={"client": client})
    with SettingsContext(profile=current.profile, settings=settings):
        assert PREFECT_CLIENT_MAX_RETRIES.value() == 0, why


def test_a_client_repeats_a_request_with_an_extra_status(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx
    from prefect.client import base
    from prefect.context import SettingsContext, get_settings_context

    current = get_settings_context()
    why = "a job whose end Prefect answers with 500 is lost (internals/settings.py)"
    client = current.settings.client.model_copy(update={"retry_extra_codes": {500}})
    settings = current.settings.model_copy(update={"client": client})
    answers = [httpx.Response(200), httpx.Response(500), httpx.Response(500)]
    transport = httpx.MockTransport(lambda _request: answers.pop())
    monkeypatch.setattr("prefect.client.base.time.sleep", lambda _seconds: None)
    with (
        SettingsContext(profile=current.profile, settings=settings),
        base.PrefectHttpxSyncClient(base_url="http://prefect.invalid", transport=transport) as one,
    ):
        assert one.get("/").status_code == 200, why


# -- What is replaced ----------------------------------------------------------------------------


class Noted(Exception):
    """Prefect has called what was put in a name's place."""


def refuse(*_args: Any, **_kwargs: Any) -> Any:
    raise Noted


def replaced(module: str, name: str, value: object, why: str, patch: pytest.MonkeyPatch) -> None:
    found_in(module, name, why)
    patch.setattr(f"{module}.{name}", value)


def called(action: Callable[[], object]) -> bool:
    try:
        action()
    except Noted:
        return True
    return False


def test_a_flow_asks_for_its_schema_under_the_replaced_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from prefect import flow

    why = "each job takes 60 ms more (internals/shortcuts.py)"
    replaced("prefect.flows", "parameter_schema", refuse, why, monkeypatch)
    assert called(lambda: flow(generate_nothing)), f"Prefect makes the schema elsewhere; {why}"


def test_a_block_tells_of_itself_under_the_replaced_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.blocks.core import Block

    why = "each job opens one more websocket (internals/shortcuts.py)"
    document = block_document()
    replaced("prefect.blocks.core", "emit_event", refuse, why, monkeypatch)
    told = called(lambda: Block._from_block_document(document))
    assert told, f"Prefect emits the event elsewhere; {why}"


def test_a_client_loads_certificates_under_the_replaced_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from prefect.client.orchestration import SyncPrefectClient

    class Tls:
        SSLContext = ssl.SSLContext
        CERT_NONE = ssl.CERT_NONE
        create_default_context = staticmethod(refuse)

    why = "each client of a job takes 30 ms more (internals/shortcuts.py)"
    replaced("prefect.client.orchestration", "ssl", Tls, why, monkeypatch)
    made = called(lambda: SyncPrefectClient("http://127.0.0.1:1/api"))
    assert made, f"Prefect loads certificates elsewhere; {why}"


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("read_flow_run", ["flow_run_id"]),
        ("update_flow_run", ["flow_run_id"]),
        ("read_block_document_by_name", ["name", "block_type_slug"]),
    ],
)
def test_the_client_has_the_method_that_is_answered_locally(
    method: str, parameters: list[str]
) -> None:
    from prefect.client.orchestration import SyncPrefectClient

    why = "a short job makes three more requests (internals/shortcuts.py)"
    assert hasattr(SyncPrefectClient, method), f"Prefect's client has no {method} any more; {why}"
    taken = list(inspect.signature(getattr(SyncPrefectClient, method)).parameters)
    assert taken[1 : 1 + len(parameters)] == parameters, f"{method} takes {taken}; {why}"


# -- Blocks --------------------------------------------------------------------------------------


def block_document() -> Any:
    from prefect.client.schemas.objects import BlockDocument
    from prefect.filesystems import LocalFileSystem

    slug = LocalFileSystem.get_block_type_slug()
    kind = {"id": str(uuid4()), "name": "Local File System", "slug": slug}
    schema = {
        "id": str(uuid4()),
        "checksum": LocalFileSystem._calculate_schema_checksum(),
        "fields": LocalFileSystem.model_json_schema(),
        "block_type_id": kind["id"],
        "block_type": kind,
        "capabilities": [],
    }
    document = {
        "id": str(uuid4()),
        "name": "code",
        "data": {"basepath": "/tmp"},
        "block_schema_id": schema["id"],
        "block_schema": schema,
        "block_type_id": kind["id"],
        "block_type": kind,
    }
    return BlockDocument.model_validate(document)


def test_a_block_is_made_of_its_document(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.blocks.core import Block
    from prefect.filesystems import LocalFileSystem

    why = "jobs ask Prefect once more for each block (internals/blocks.py)"
    assert hasattr(Block, "_from_block_document"), f"Block has no such method any more; {why}"
    # It is replaced in a job, and has a test of its own above.
    monkeypatch.setattr("prefect.blocks.core.emit_event", lambda **_: None, raising=False)
    document = block_document()
    block: Any = Block._from_block_document(document)
    assert isinstance(block, LocalFileSystem)
    assert block._block_document_id == document.id, f"a block hides its identifier; {why}"
    assert block._block_document_name == "code", f"a block hides its name; {why}"


# -- Logging -------------------------------------------------------------------------------------


def test_prints_are_caught_under_the_replaced_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    from prefect.logging import loggers

    mark = object()
    why = "prints of a job would go to the log twice or never (internals/logs.py)"
    replaced("prefect.logging.loggers", "print_as_log", mark, why, monkeypatch)
    with loggers.patch_print():
        assert builtins.print is mark, f"Prefect puts another function in print's place; {why}"


def test_records_of_a_run_tell_which_run_it_is() -> None:
    from prefect.client.schemas.objects import FlowRun
    from prefect.logging.loggers import flow_run_logger

    run = FlowRun(id=uuid4(), flow_id=uuid4(), name="r")
    extra = dict(flow_run_logger(run).extra or {})
    why = "lines would be in the log of no run (engine/log/capture.py)"
    assert extra.get("flow_run_id") == str(run.id), f"Prefect's records name no run; {why}"


def test_the_loggers_of_runs_have_the_handler_that_is_replaced() -> None:
    from prefect.logging.configuration import setup_logging
    from prefect.logging.handlers import APILogHandler

    why = "lines of jobs would be sent twice (internals/logs.py)"
    found = logging.getLogger("prefect.flow_runs").handlers or setup_logging()
    handlers = logging.getLogger("prefect.flow_runs").handlers
    assert found is not None
    assert any(type(handler) is APILogHandler for handler in handlers), why


# -- The server ----------------------------------------------------------------------------------


def test_the_server_is_made_by_a_factory_without_arguments() -> None:
    create_app = found_in("prefect.server.api.server", "create_app", "the stack starts it so")
    needed = [
        name
        for name, parameter in inspect.signature(create_app).parameters.items()
        if parameter.default is inspect.Parameter.empty
    ]
    assert not needed, f"create_app needs {needed}: uvicorn --factory gives no arguments"


def test_the_server_allows_the_origins_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import temporary_settings

    from pygeoapi_prefect.engine.internals.server import create_app

    why = "pages of every origin could use Prefect's API (internals/server.py)"
    setting = found_in("prefect.settings", "PREFECT_SERVER_CORS_ALLOWED_ORIGINS", why)
    monkeypatch.setattr("pygeoapi_prefect.engine.internals.server.create_prefect", object)
    with pytest.raises(ValueError, match="must list the origins"):
        create_app()  # by default, Prefect allows all
    with temporary_settings({setting: "http://127.0.0.1:4200,http://localhost:4200"}):
        made = create_app()
    assert made._hosts == {"127.0.0.1", "localhost"}, why


def test_the_server_reads_that_its_settings_are_final() -> None:
    from prefect.server.api import server

    why = "each request would look for changed settings (embedded/services.py)"
    assert "PREFECT__SERVER_FINAL" in inspect.getsource(server.create_app), why
