"""Every name of pygeoapi that we rely on, and what we expect of it, in the installed version.

Each test is a row of the table in ``docs/internals.md``. ``web/core.py`` and
``pygeoapi_helpers.py`` are the modules that use what is not documented for plugins.
"""

import ast
import inspect
import io
import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from pygeoapi import error, l10n, plugin, util
from pygeoapi.api import processes as core_views
from pygeoapi.config import get_config
from pygeoapi.openapi import get_oas
from pygeoapi.process import base
from pygeoapi.process.manager.base import BaseManager, get_manager

from pygeoapi_prefect import manager, pygeoapi_helpers
from pygeoapi_prefect.manager import PrefectManager
from pygeoapi_prefect.models.documents import StatusInfo
from pygeoapi_prefect.web import core, landing
from pygeoapi_prefect.web.core import Endpoint
from support.stack import REPOSITORY

# pygeoapi's own models still configure pydantic by a class.
pytestmark = pytest.mark.filterwarnings("ignore:Support for class-based")
ROUTES = {
    Endpoint.LANDING_PAGE: ("/", {"GET"}),
    Endpoint.CONFORMANCE: ("/conformance", {"GET"}),
    Endpoint.OPENAPI: ("/openapi", {"GET"}),
    Endpoint.ITEMS: ("/collections/<path:collection_id>/items", {"GET", "POST"}),
    Endpoint.PROCESSES: ("/processes/<process_id>", {"GET"}),
    Endpoint.EXECUTE: ("/processes/<process_id>/execution", {"POST"}),
    Endpoint.JOBS: ("/jobs/<job_id>", {"GET", "DELETE"}),
    Endpoint.RESULTS: ("/jobs/<job_id>/results", {"GET"}),
}
LOOK = """
import json
from pygeoapi import flask_app
from pygeoapi.api import processes
app = getattr(flask_app, "APP", None)
api = getattr(flask_app, "api_", None)
facts = {
    "app": type(app).__name__,
    "openapi": getattr(api, "openapi", None),
    "manager": type(getattr(api, "manager", None)).__name__,
    "routes": [[r.endpoint, r.rule, sorted(r.methods)] for r in app.url_map.iter_rules()],
    "views": sorted(app.view_functions),
}
api.openapi = {"openapi": "3.0.3", "info": {"title": "replaced"}}
processes.CONFORMANCE_CLASSES[:] = ["http://ours"]
with app.test_client() as client:
    for path in ("openapi", "conformance", ""):
        facts["/" + path] = client.get("/" + path, query_string={"f": "json"}).get_json()
print(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The repository's configuration with one unmodified process."""
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    loaded["server"] |= {"url": "http://host/geo", "manager": {"name": NAME}}
    hello = {"type": "process", "processor": {"name": "HelloWorld"}}
    loaded["resources"] = {"lakes": loaded["resources"]["lakes"], "hello": hello}
    return loaded


NAME = "pygeoapi_prefect.manager.PrefectManager"


@pytest.fixture(scope="module")
def facts(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What pygeoapi's application is, in a process of its own: it is made by its import."""
    folder = tmp_path_factory.mktemp("core")
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    (folder / "openapi.json").write_text(json.dumps({"openapi": "3.0.3", "info": {"title": "f"}}))
    files = {"CONFIG": str(folder / "config.yml"), "OPENAPI": str(folder / "openapi.json")}
    own = {f"PYGEOAPI_{name}": path for name, path in files.items()}
    looked = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={**os.environ, **own},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.returncode == 0, f"pygeoapi.flask_app is not what it was:\n{looked.stderr}"
    found: dict[str, Any] = json.loads(looked.stdout.splitlines()[-1])
    return found


def test_the_application_is_flask_app_app(facts: dict[str, Any]) -> None:
    assert facts["app"] == "Flask", "pygeoapi.flask_app.APP is not the Flask application any more"


def test_the_manager_is_at_api_manager(facts: dict[str, Any]) -> None:
    assert facts["manager"] == "PrefectManager", "flask_app.api_.manager is not the manager"


def test_the_document_is_at_api_openapi_and_may_be_replaced_there(facts: dict[str, Any]) -> None:
    told = "flask_app.api_.openapi is not the document of PYGEOAPI_OPENAPI any more"
    document = facts["openapi"]
    document = json.loads(document) if isinstance(document, str) else document
    assert (document or {}).get("info") == {"title": "f"}, told
    assert facts["/openapi"]["info"] == {"title": "replaced"}, "/openapi shows another attribute"


def test_every_replaced_endpoint_has_its_row() -> None:
    assert set(ROUTES) == set(Endpoint)


@pytest.mark.parametrize("endpoint", Endpoint)
def test_the_endpoint_exists(facts: dict[str, Any], endpoint: Endpoint) -> None:
    assert endpoint in facts["views"], f"pygeoapi has no endpoint {endpoint} any more"
    path, methods = ROUTES[endpoint]
    routes = {rule: set(allowed) for name, rule, allowed in facts["routes"] if name == endpoint}
    assert path in routes, f"{endpoint} is at {sorted(routes)}, no longer at {path}"
    missing = methods - set().union(*routes.values())
    assert not missing, f"{endpoint} no longer answers {missing}"


def test_conformance_classes_are_read_when_they_are_asked_for(facts: dict[str, Any]) -> None:
    listed = facts["/conformance"]["conformsTo"]
    assert "http://ours" in listed, "api.processes.CONFORMANCE_CLASSES is not what is shown"
    assert not [name for name in listed if "ogcapi-processes" in name], "some are not of the list"


def test_the_landing_page_is_a_document_with_links(facts: dict[str, Any]) -> None:
    assert isinstance(facts["/"]["links"], list), "the landing page has no links any more"


def test_get_oas_makes_a_document_of_a_configuration(config: dict[str, Any]) -> None:
    document = get_oas({**config, "resources": {}})
    assert "/conformance" in document["paths"], "get_oas makes another kind of document"


def test_the_configuration_is_that_of_pygeoapi_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.yml").write_text("server:\n  url: ${NOT_SET_HERE:-http://default}\n")
    monkeypatch.setenv(pygeoapi_helpers.CONFIG_VARIABLE, str(tmp_path / "c.yml"))
    found = get_config()
    assert found == {"server": {"url": "http://default"}}, "get_config reads another file"
    assert pygeoapi_helpers.configuration() == found
    monkeypatch.delenv(pygeoapi_helpers.CONFIG_VARIABLE)
    assert pygeoapi_helpers.configuration() == {}


def test_yaml_load_fills_in_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET_HERE", "chosen")
    read = util.yaml_load(io.StringIO("a: ${SET_HERE:-x}\nb: ${NOT_SET_HERE:-y}\n"))
    assert read == {"a": "chosen", "b": "y"}, "util.yaml_load fills in variables otherwise"
    with pytest.raises(OSError, match="NOT_SET_HERE"):
        util.yaml_load(io.StringIO("a: ${NOT_SET_HERE}"))


def test_the_prefix_of_routes_and_links() -> None:
    server = {"url": "http://host/", "api_rules": {"url_prefix": "v{api_major}"}}
    server["api_rules"] |= {"api_version": "2.1.0"}  # type: ignore[operator]
    rules = util.get_api_rules({"server": server})
    assert rules.get_url_prefix("flask") == "/v2", "get_url_prefix has another form"
    assert util.get_base_url({"server": server}) == "http://host/v2", "get_base_url differs"


def test_load_plugin_makes_a_processor() -> None:
    loaded = plugin.load_plugin("process", {"name": "HelloWorld"})
    assert isinstance(loaded, base.BaseProcessor), "load_plugin makes no processor of a definition"


def test_json_serial_converts_what_json_cannot() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert "2026-01-02" in json.dumps(now, default=util.json_serial)
    with pytest.raises(TypeError):
        util.json_serial(object())


def test_texts_are_translated_to_one_language(caplog: pytest.LogCaptureFixture) -> None:
    config = {"metadata": {"about": {"title": {"en": "lakes", "fr-CA": "lacs"}, "n": [1]}}}
    with caplog.at_level(logging.WARNING):
        found = l10n.translate_struct(config, l10n.str2locale("fr-CA"), True)
    assert found == {"metadata": {"about": {"title": "lacs", "n": [1]}}}, "other texts are left"
    assert core.translated(config, "fr-CA") == found
    names = {record.name for record in caplog.records}
    assert names <= {"pygeoapi.l10n"}, f"the logger of warnings of translations is now {names}"


def test_templates_have_the_names_that_operators_replace() -> None:
    for name in landing.TEMPLATES.values():
        assert (util.TEMPLATESDIR / name).is_file(), f"pygeoapi has no template {name} any more"


def test_the_version_is_a_text() -> None:
    assert core.VERSION.startswith("0."), "the major version has changed: read its release notes"


@pytest.mark.parametrize(
    "method", ["get_jobs", "get_job", "get_job_result", "delete_job", "execute_process"]
)
def test_the_manager_s_methods_have_the_parameters_of_their_base(method: str) -> None:
    theirs = getattr(BaseManager, method, None)
    assert theirs is not None, f"BaseManager has no {method} any more: ours is never called"
    parameters = list(inspect.signature(theirs).parameters)
    assert list(inspect.signature(getattr(PrefectManager, method)).parameters) == parameters


def test_a_manager_is_given_its_section_and_the_processes(config: dict[str, Any]) -> None:
    made = get_manager(config)
    assert isinstance(made, PrefectManager)
    assert list(made.processes) == ["hello"], "get_manager no longer adds the processes"
    assert made.name == NAME
    assert made.is_async is True


def test_a_manager_has_no_public_method_that_core_calls_and_we_do_not_know() -> None:
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(inspect.getsource(core_views)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in ("api.manager", "process_manager")
    }
    assert called, "api/processes.py no longer calls api.manager"
    unknown = called - set(vars(PrefectManager))
    assert not unknown, f"core now calls {sorted(unknown)} of a manager, which we do not override"


def test_what_core_reads_of_a_job_is_there() -> None:
    read = {
        node.slice.value
        for function in (core_views.get_jobs, core_views.get_job_result)
        for node in ast.walk(ast.parse(inspect.getsource(function)))
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and ast.unparse(node.value) in ("job", "job_")
        and isinstance(node.ctx, ast.Load)
    }
    assert "status" in read, "api/processes.py no longer reads job['status']"
    info: StatusInfo = {
        "jobID": "j", "processID": "p", "status": "accepted", "type": "process", "message": "",
        "created": "", "updated": "",
    }  # fmt: skip
    missing = read - set(manager._core_job(info))
    assert not missing, f"core now reads {sorted(map(str, missing))} of a job"


def test_states_and_modes_of_core_have_our_names() -> None:
    states = {"accepted", "running", "successful", "failed", "dismissed"}
    missing = states - {state.name for state in util.JobStatus}
    assert not missing, f"util.JobStatus has no {missing}"
    assert hasattr(util.RequestedProcessExecutionMode, "respond_async")
    subscriber = util.Subscriber("http://a", "http://b", "http://c")
    assert subscriber.success_uri == "http://a", "Subscriber has another member for successUri"


def test_errors_carry_message_status_and_code() -> None:
    raised = base.ProcessorExecuteError("inner", user_msg="for clients")
    assert isinstance(raised, error.GenericError)
    assert raised.user_msg == "for clients", "user_msg is not the message for clients any more"
    assert raised.args == ("inner",)
    assert error.GenericError.http_status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert error.GenericError.ogc_exception_code == "NoApplicableCode"
    shown = inspect.getsource(core_views.execute_process)
    for name in ("http_status_code", "ogc_exception_code"):
        assert f"err.{name}" in shown, f"core no longer answers with {name} of an error"


@pytest.mark.parametrize("name", ["JobNotFoundError", "UnknownProcessError"])
def test_what_is_unknown_has_an_error_of_its_own(name: str) -> None:
    assert issubclass(getattr(base, name, type(None)), Exception), f"process.base has no {name}"


def test_a_processor_has_the_members_that_we_call() -> None:
    processor = plugin.load_plugin("process", {"name": "HelloWorld"})
    assert processor.set_job_id("j") is None, "set_job_id does something else"
    assert isinstance(processor.supports_outputs, bool), "supports_outputs is another thing"
    assert isinstance(processor.metadata, dict)
    parameters = list(inspect.signature(base.BaseProcessor.execute).parameters)
    assert parameters[:3] == ["self", "data", "outputs"], "execute has other parameters"
