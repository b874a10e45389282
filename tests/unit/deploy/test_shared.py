"""What several processes share goes with each of them, or the deployment is refused (fault 23)."""

from pathlib import Path

import pytest

from pygeoapi_prefect.deploy import imports
from pygeoapi_prefect.deploy.files import PackageError
from pygeoapi_prefect.deploy.package import Package, collect, collect_processor
from support.flow_code import Load, write

FLOW = """
from prefect import flow

@flow
def run() -> None:
    pass

class Processor:
    process_flow = staticmethod(run)
"""

SHARED = {
    "one/__init__.py": "",
    "one/process.py": "from common.geometry import AREA\n" + FLOW,
    "two/__init__.py": "",
    "two/process.py": FLOW,
    "common/__init__.py": "",
    "common/geometry.py": "import deeper.units\nAREA = deeper.units.METRE",
    "common/table.csv": "a,b",
    "common/unused.py": "import lonely",
    "deeper/__init__.py": "",
    "deeper/units.py": "METRE = 1",
    "lonely.py": "X = 1",
    "unrelated/__init__.py": "",
    "unrelated.csv": "",
}
WITH_COMMON = {
    "common/__init__.py", "common/geometry.py", "common/table.csv", "common/unused.py",
    "deeper/__init__.py", "deeper/units.py", "lonely.py",
}  # fmt: skip


def test_what_a_process_imports_is_uploaded_with_it_and_so_on(tmp_path: Path, load: Load) -> None:
    """Fault 23."""
    write(tmp_path, SHARED)
    assert set(collect(*load("one.process")).files) == {
        "one/__init__.py", "one/process.py", *WITH_COMMON,
    }  # fmt: skip
    assert set(collect(*load("two.process")).files) == {"two/__init__.py", "two/process.py"}


def test_the_version_changes_with_what_is_shared(tmp_path: Path, load: Load) -> None:
    """Fault 23."""
    write(tmp_path, SHARED)
    one, two = load("one.process"), load("two.process")
    before = collect(*one).version, collect(*two).version
    write(tmp_path, {"deeper/units.py": "METRE = 2"})
    assert collect(*one).version != before[0]
    assert collect(*two).version == before[1]


@pytest.mark.parametrize(
    "text",
    [
        "import common",
        "import os, common.geometry as g",
        "from common import geometry",
        "def later():\n    import common.geometry",
        "try:\n    import common\nexcept ImportError:\n    common = None",
        "import importlib\nimportlib.import_module('common.geometry')",
        "from importlib import import_module\nm = import_module('common')",
        "m = __import__('common')",
        "from one import part",
    ],
)
def test_however_it_is_imported(tmp_path: Path, load: Load, text: str) -> None:
    """Fault 23: also in a function, through ``importlib``, and from another part of the package."""
    part = {"one/part.py": "from common.geometry import AREA"}
    write(tmp_path, SHARED | part | {"one/process.py": text + FLOW})
    assert set(collect(*load("one.process")).files) >= WITH_COMMON


def test_a_part_that_is_loaded_by_a_name_made_at_run_time_has_its_imports(
    tmp_path: Path, load: Load
) -> None:
    parts = {"one/parts/__init__.py": "", "one/parts/a.py": "import lonely", "one/bad.py": "no ("}
    write(tmp_path, SHARED | parts | {"one/process.py": FLOW})
    assert "lonely.py" in collect(*load("one.process")).files


def test_lone_modules_and_unmodified_processes_have_theirs(tmp_path: Path, load: Load) -> None:
    """Fault 23."""
    write(tmp_path, SHARED | {"alone.py": "import lonely\n" + FLOW})
    assert set(collect(*load("alone")).files) == {"alone.py", "lonely.py"}
    package = collect_processor(load("one.process")[1])
    assert isinstance(package, Package)
    assert set(package.files) >= WITH_COMMON


def test_a_package_in_another_folder_of_flows_is_found(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere, {"far/__init__.py": "import near", "near.py": "", "space/mod.py": ""})
    monkeypatch.syspath_prepend(str(elsewhere))
    text = "import far, space.mod\n" + FLOW
    write(tmp_path, {"one/__init__.py": "", "one/process.py": text})
    assert set(collect(*load("one.process")).files) == {
        "one/__init__.py", "one/process.py", "far/__init__.py", "near.py", "space/mod.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def later():\n    import no_such_thing.x\n", r"line 2 imports 'no_such_thing'"),
        ("def later():\n    from common import geometry, no_such\n    import common.gone\n",
         r"line 3 imports 'common\.gone', which is not uploaded"),
        ("def later():\n    __import__('no_such_thing')\n", r"line 2 imports 'no_such_thing'"),
        ("import common.uses_absent\n", r"common/uses_absent\.py, line 2 imports 'absent_one'"),
        ("def later():\n    import one.ignored\n", r"'one\.ignored', which is not uploaded"),
    ],
)  # fmt: skip
def test_an_import_that_a_worker_would_not_find_is_named(
    tmp_path: Path, load: Load, text: str, told: str
) -> None:
    """Fault 23: the deployment is refused, instead of each job."""
    more = {
        "common/uses_absent.py": "def f():\n    import absent_one",
        "one/ignored.py": "",
        ".prefectignore": "ignored.py",
    }
    write(tmp_path, SHARED | more | {"one/process.py": text + FLOW})
    with pytest.raises(PackageError, match=told):
        collect(*load("one.process"))


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import no_such_thing\nexcept (ValueError, ImportError):\n    pass\n",
        "try:\n    import no_such_thing\nexcept:\n    pass\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import no_such_thing\n",
        "import sys, os.path, json.decoder, click.core, prefect.flows, pygeoapi_prefect.errors\n",
        "import yaml, builtins, _thread\n",
    ],
)
def test_what_may_be_absent_or_is_installed_is_neither_refused_nor_uploaded(
    tmp_path: Path, load: Load, text: str
) -> None:
    write(tmp_path, {"one/__init__.py": "", "one/process.py": text + FLOW})
    assert set(collect(*load("one.process")).files) == {"one/__init__.py", "one/process.py"}


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import tomllib\nexcept ImportError:\n    import no_such_thing as tomllib\n",
        "try:\n    import json\nexcept ModuleNotFoundError:\n    try:\n"
        "        import no_such_thing\n    except ValueError:\n        pass\n",
        "try:\n    import no_such_thing\nexcept ImportError:\n    pass\n"
        "else:\n    import no_such_extra\n",
        "from contextlib import suppress\nwith suppress(ImportError):\n    import no_such_thing\n",
        "import contextlib\nwith contextlib.suppress(OSError, ModuleNotFoundError):\n"
        "    import no_such_thing\n",
        "import sys\nif sys.version_info < (3, 11):\n    import no_such_thing\n",
        "from sys import version_info as v, version_info\nif version_info >= (3, 11):\n"
        "    import tomllib\nelse:\n    import no_such_thing\n",
        "import sys\nif sys.platform == 'win32':\n    import no_such_thing\n"
        "elif sys.platform.startswith('aix'):\n    import no_such_other\n",
        "import typing\nif not typing.TYPE_CHECKING:\n    pass\nelse:\n    import no_such_thing\n",
    ],
)
def test_what_is_imported_in_some_environments_only_is_not_refused(
    tmp_path: Path, load: Load, text: str
) -> None:
    """Fault 23: the fallback of a failed import, ``suppress``, and a choice by Python or system."""
    write(tmp_path, {"one/__init__.py": "", "one/process.py": text + FLOW})
    assert set(collect(*load("one.process")).files) == {"one/__init__.py", "one/process.py"}


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import json\nexcept ValueError:\n    import no_such_thing\n",
        "try:\n    pass\nexcept ImportError:\n    pass\nfinally:\n    import no_such_thing\n",
        "try:\n    pass\nexcept ImportError: pass\nexcept OSError:\n    import no_such_thing\n",
        "from contextlib import suppress\nwith suppress(OSError):\n    import no_such_thing\n",
        "import contextlib\nwith contextlib.closing(ImportError):\n    import no_such_thing\n",
        "import sys\nif sys.argv:\n    import no_such_thing\n",
    ],
)
def test_what_only_looks_like_a_guard_is_none(text: str) -> None:
    """Fault 23: an import that every worker makes and nobody catches is still refused."""
    found = imports.imports_of(text.encode())
    assert [one.optional for one in found if one.top_level == "no_such_thing"] == [False]


def test_a_file_beside_the_flow_that_hides_what_is_imported_is_refused(
    tmp_path: Path, load: Load
) -> None:
    """A worker looks in the folder of the flow's file first, a web process does not."""
    write(tmp_path, SHARED | {"one/common.py": ""})
    with pytest.raises(PackageError, match=r"one/common\.py would be imported .* 'common'"):
        collect(*load("one.process"))


def test_relative_imports_are_resolved() -> None:
    source = b"from . import a\nfrom .b import c\nfrom ..d import e\nimport f.g"
    found = [one.modules for one in imports.imports_of(source, "top.mid")]
    assert found == [
        ("top.mid", "top.mid.a"), ("top.mid.b", "top.mid.b.c"), ("top.d", "top.d.e"), ("f.g",),
    ]  # fmt: skip
