"""The application is made when it is asked for, once, and never by an import."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

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
        env=kept | environment,
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
    assert app._answering(lambda **_: "answer")(collection_id="lakes") == "answer"
    with pytest.raises(UnsupportedMediaType, match="Content-Type is missing"):
        app._answering(lambda **_: None)()
