"""The application is made when it is asked for, once, and never by an import."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from pygeoapi_prefect.access.operations import OPERATIONS, least_role, template
from pygeoapi_prefect.errors import UnsupportedMediaType
from pygeoapi_prefect.web import app
from support.stack import REPOSITORY

IMPORT = """
import json, os, sys, threading
before = dict(os.environ)
from pygeoapi_prefect.web import app
facts = {
    "threads": threading.active_count(),
    "core": "pygeoapi.flask_app" in sys.modules,
    "environment": before == dict(os.environ),
    "made": "APP" in vars(app),
}
print(json.dumps(facts))
"""
MAKE = """
import json, os, threading
from pygeoapi_prefect.web import app
made = app.create_app()
from pygeoapi_prefect.web.app import APP
client = made.test_client()
facts = {
    "same": made is app.create_app() and made is APP and made is app.APP,
    "openapi": "PYGEOAPI_OPENAPI" in os.environ,
    "processes": [p["id"] for p in client.get("/processes").get_json()["processes"]],
    "health": client.get("/healthz").get_json(),
}
print(json.dumps(facts))
"""


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYGEOAPI_")}
    return subprocess.run(
        [sys.executable, "-c", script],
        env=kept | {"PYGEOAPI_BIND": "127.0.0.1"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def facts(script: str, **environment: str) -> dict[str, Any]:
    done = run(script, **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The repository's configuration with one unmodified process."""
    loaded = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    loaded["resources"] = {"hello": {"type": "process", "processor": {"name": "HelloWorld"}}}
    file = tmp_path / "config.yml"
    file.write_text(yaml.safe_dump(loaded, width=1000))
    return file


def test_an_import_makes_nothing_and_needs_no_configuration() -> None:
    """A server that loads the module before it forks shares it, and no thread or socket."""
    assert facts(IMPORT) == {"threads": 1, "core": False, "environment": True, "made": False}


def test_the_application_is_made_once_under_both_names(config: Path) -> None:
    found = facts(MAKE, PYGEOAPI_CONFIG=str(config), PREFECT_API_URL="http://127.0.0.1:9/api")
    assert found == {
        "same": True,
        "openapi": False,
        "processes": ["hello"],
        "health": {"status": "ok"},
    }


@pytest.mark.parametrize("script", ["app.create_app()", "app.APP"])
def test_an_invalid_configuration_ends_the_process_with_one_line(config: Path, script: str) -> None:
    loaded = yaml.safe_load(config.read_text())
    loaded["server"]["manager"]["name"] = "TinyDB"
    loaded["server"]["manager"]["connection"] = str(config.with_name("jobs.db"))
    config.write_text(yaml.safe_dump(loaded, width=1000))
    line = f"from pygeoapi_prefect.web import app; {script}"
    done = run(line, PYGEOAPI_CONFIG=str(config), PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == app.BOOT_ERROR
    assert "cannot start: server.manager.name must be pygeoapi_prefect.manager" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_name_is_missing() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'application'"):
        app.__getattr__("application")
    assert not hasattr(app, "application")


def test_a_view_that_answers_nothing_means_a_missing_media_type() -> None:
    with Flask("x").test_request_context():
        assert app._answering(lambda **_: "answer")(collection_id="lakes") == "answer"
        with pytest.raises(UnsupportedMediaType, match="Content-Type is missing"):
            app._answering(lambda **_: None)()


@pytest.mark.parametrize(
    ("bbox", "is_asked"),
    [
        ("0,0,1,1", True),
        ("", True),
        ("0,0,1,x", True),
        ("0,0,1,nan", False),
        ("-inf,0,1,1", False),
        ("0,0,1e999,1", False),
    ],
)
def test_a_bbox_that_is_not_finite_is_not_given_to_pygeoapi(bbox: str, is_asked: bool) -> None:
    """It would fail with an error 500; a text that is no number it rejects by itself."""
    with Flask("x").test_request_context(query_string={"bbox": bbox}):
        answer = app._answering(lambda **_: "answer")()
    assert (answer == "answer") == is_asked
    if not is_asked:
        told, status = answer
        assert (told["code"], status) == ("InvalidParameterValue", 400)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"PYGEOAPI_BIND": "0.0.0.0"}, "bound to 0.0.0.0; either set PYGEOAPI_BIND=127.0.0.1"),
        ({"PYGEOAPI_BIND": ""}, "unknown; either set PYGEOAPI_BIND"),
        ({"PYGEOAPI_URL": "https://geo.example.org"}, "server.url is https://geo.example.org"),
    ],
)
def test_an_open_server_that_strangers_can_reach_does_not_start(
    config: Path, environment: dict[str, str], told: str
) -> None:
    line = "from pygeoapi_prefect.web import app; app.create_app()"
    prefect = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = run(line, PYGEOAPI_CONFIG=str(config), **prefect, **environment)
    assert done.returncode == app.BOOT_ERROR
    assert "cannot start: without server.manager.access everybody may do" in done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("access", "told"),
    [
        ({"keys": "{folder}/none.json"}, "none.json cannot be read: No such file"),
        ({"keys": "{folder}/damaged.json"}, "damaged.json is invalid: Invalid JSON"),
        ({"anonymous_": "read"}, "access.anonymous_: unknown key; did you mean anonymous?"),
        ({"keys": "/k", "oidc": {}}, "server.manager.access.oidc.issuer: Field required"),
        ({"anonymous": "read", "roles": {"read": ["x"]}}, "roles: there is no process 'x'"),
        (None, "server.manager.access: Value error, must not be empty"),
    ],
)
def test_access_that_cannot_be_enforced_stops_the_start(
    config: Path, access: dict[str, Any] | None, told: str
) -> None:
    config.with_name("damaged.json").write_text("{")
    loaded = yaml.safe_load(config.read_text())
    loaded["server"]["manager"]["access"] = access
    text = yaml.safe_dump(loaded, width=1000).replace("{folder}", str(config.parent))
    config.write_text(text)
    line = "from pygeoapi_prefect.web import app; app.create_app()"
    done = run(line, PYGEOAPI_CONFIG=str(config), PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == app.BOOT_ERROR
    assert "cannot start: " in done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


ROUTES = """
import json
from pygeoapi_prefect.web import app
rules = app.create_app().url_map.iter_rules()
print(json.dumps([[method, rule.rule] for rule in rules for method in rule.methods or ()]))
"""


def test_each_operation_of_the_table_is_a_route_and_only_those_are_open(config: Path) -> None:
    """A misspelt path in the table would give its route the default."""
    environment = {"PYGEOAPI_CONFIG": str(config), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = run(ROUTES, **environment)
    assert done.returncode == 0, done.stderr
    routes = [(method, path) for method, path in json.loads(done.stdout.splitlines()[-1])]
    assert {(method, template(path)) for method, path in routes} >= set(OPERATIONS)
    listed = {path for (_, path), least in OPERATIONS.items() if least is None}
    answered = {
        template(path)
        for method, path in routes
        if method != "OPTIONS" and least_role(method, path) is None
    }
    assert answered == listed
