"""The module names of the 2023 design, each case in an interpreter of its own."""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pygeoapi_prefect import compat, errors
from pygeoapi_prefect.models import base, processes, reference

ORDERS = list(
    itertools.permutations(
        [
            "from pygeoapi.models import processes",
            "from pygeoapi.process import exceptions",
            "import pygeoapi_prefect.models.processes as own, pygeoapi_prefect.errors as err",
        ]
    )
)


def python(code: str, folder: Path) -> Any:
    """Run code in a fresh interpreter and return what it printed last, read as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(o.split()[1] for o in order))
def test_the_classes_are_the_same_whichever_name_is_imported_first(
    order: tuple[str, ...], tmp_path: Path
) -> None:
    code = "\n".join(order) + (
        "\nimport json"
        "\nprint(json.dumps([processes is own, processes.ExecuteRequest is own.ExecuteRequest,"
        "\n    exceptions is err, exceptions.JobError is err.JobError]))"
    )
    assert python(code, tmp_path) == [True] * 4


@pytest.mark.parametrize(
    "statement",
    [
        "import {alias}; found = {alias}",
        "from {parent} import {child} as found",
        "import importlib; found = importlib.import_module('{alias}')",
        "import {parent}, {alias} as found",
    ],
    ids=["import", "from", "import_module", "parent-first"],
)
def test_every_form_of_import_gives_the_real_module(statement: str, tmp_path: Path) -> None:
    lines = ["import json, sys", "names = []"]
    for alias in compat.ALIASES:
        parent, _, child = alias.rpartition(".")
        lines.append(statement.format(alias=alias, parent=parent, child=child))
        lines.append(f"assert sys.modules['{alias}'] is found")
        lines.append("names.append(found.__name__)")
    lines.append("print(json.dumps(names))")
    assert python("\n".join(lines), tmp_path) == list(compat.ALIASES.values())


def test_names_are_found_and_the_real_modules_keep_their_own_spec(tmp_path: Path) -> None:
    code = """
import json
from importlib.util import find_spec
before = find_spec("pygeoapi.models.processes")
import pygeoapi.models.processes as processes
after = find_spec("pygeoapi.models.processes")
print(json.dumps([before.name, before.origin, after.name, processes.__spec__.name]))
"""
    real = "pygeoapi_prefect.models.processes"
    assert python(code, tmp_path) == ["pygeoapi.models.processes", real, real, real]


def test_other_missing_modules_stay_missing(tmp_path: Path) -> None:
    code = """
import json
try:
    import pygeoapi.models.nothing
except ModuleNotFoundError as error:
    print(json.dumps(error.name))
"""
    assert python(code, tmp_path) == "pygeoapi.models.nothing"


def test_reload_works_on_the_alias(tmp_path: Path) -> None:
    code = """
import importlib, json
from pygeoapi.process import exceptions
print(json.dumps(importlib.reload(exceptions) is exceptions))
"""
    assert python(code, tmp_path) is True


def test_a_pickle_made_under_the_old_name_is_read(tmp_path: Path) -> None:
    write = """
import json, pickle
from pygeoapi.models import processes
status = processes.JobStatusInfoInternal(jobID="1", status="successful")
request = processes.ExecuteRequest(inputs={"a": [1.5], "b": {"c": None}, "d": {"href": "http://x"}})
open("pickled", "wb").write(pickle.dumps((status, request, processes.JobStatus.failed)))
# What a module of that name in pygeoapi would have written.
open("old", "wb").write(b"cpygeoapi.models.processes\\nJobStatus\\n.")
print(json.dumps(request.as_dict()))
"""
    read = """
import json, pickle
status, request, failed = pickle.load(open("pickled", "rb"))
cls = pickle.load(open("old", "rb"))
print(json.dumps([status.job_id, request.as_dict(), failed is cls.failed]))
"""
    request = python(write, tmp_path)
    assert python(read, tmp_path) == ["1", request, True]


def test_importing_pygeoapi_imports_neither_prefect_nor_the_models(tmp_path: Path) -> None:
    code = """
import json, sys
import pygeoapi
print(json.dumps([name in sys.modules for name in
    ("pygeoapi_prefect", "prefect", "pygeoapi_prefect.models.processes")]))
"""
    assert python(code, tmp_path) == [True, False, False]


def test_the_package_alone_imports_neither_pygeoapi_nor_pydantic(tmp_path: Path) -> None:
    code = """
import json, sys
import pygeoapi_prefect
print(json.dumps([name in sys.modules for name in ("pygeoapi", "prefect", "pydantic")]))
"""
    assert python(code, tmp_path) == [False, False, False]


def test_several_threads_may_import_at_once(tmp_path: Path) -> None:
    code = """
import importlib, json, threading
import pygeoapi
names = ["pygeoapi.models.processes", "pygeoapi_prefect.models.processes"]
found = []
threads = [
    threading.Thread(target=lambda n=n: found.append(importlib.import_module(n)))
    for n in names * 6
]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps([len(found), len(set(map(id, found)))]))
"""
    assert python(code, tmp_path) == [12, 1]


def test_installing_twice_adds_one_finder() -> None:
    compat.install()
    compat.install()
    assert sum(isinstance(finder, compat.AliasFinder) for finder in sys.meta_path) == 1


def test_a_module_of_pygeoapis_own_would_win() -> None:
    kinds = [type(finder).__name__ for finder in sys.meta_path]
    path_finder = next(
        i
        for i, finder in enumerate(sys.meta_path)
        if getattr(finder, "__name__", "") == "PathFinder"
    )
    assert kinds.index("AliasFinder") > path_finder


def test_the_loader_of_references_is_the_storages(monkeypatch: pytest.MonkeyPatch) -> None:
    from pygeoapi_prefect import storage

    monkeypatch.setattr(storage, "read_reference", lambda text: f"read {text}")
    compat.install()
    assert reference.load("block:a/b#c") == "read block:a/b#c"


def test_the_exceptions_of_the_2023_design_are_there() -> None:
    from pygeoapi.process import exceptions

    assert exceptions is errors
    for name in (
        "MissingJobParameterError",
        "InvalidJobParameterError",
        "JobNotFoundError",
        "JobNotReadyError",
        "JobFailedError",
    ):
        assert issubclass(getattr(exceptions, name), exceptions.JobError)
    assert issubclass(exceptions.UnknownProcessError, exceptions.ProcessError)


def test_the_other_modules_of_the_2023_design_are_there() -> None:
    from pygeoapi.models.base import Link

    from pygeoapi_prefect import exceptions, schemas

    assert Link is base.Link is schemas.Link
    assert all(getattr(schemas, name) is getattr(processes, name) for name in processes.__all__)
    assert exceptions.MissingJobParameterError is errors.MissingJobParameterError
    assert exceptions.JobError is errors.JobError
