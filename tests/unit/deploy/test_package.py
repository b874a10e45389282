"""What is uploaded for a flow, and what is refused."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow

from pygeoapi_prefect.deploy import files, package
from pygeoapi_prefect.deploy.files import PackageError
from pygeoapi_prefect.deploy.package import collect, installed
from support.flow_code import Load, write

FLOW = """
from prefect import flow


@flow
def run() -> None:
    pass
"""
PROCESSOR = """

class Processor:
    process_flow = staticmethod(run)
"""

A_PACKAGE = {
    "pkg/__init__.py": "",
    "pkg/process.py": FLOW + PROCESSOR,
    "pkg/sub/helper.py": "ANSWER = 42",
    "pkg/sub/data.csv": "a,b",
    "pkg/.env": "SECRET=1",
    "pkg/.git/config": "",
    "pkg/__pycache__/process.cpython-312.pyc": "",
    "pkg/old.pyc": "",
    "other.py": "",
    "README.md": "",
    ".env": "SECRET=1",
}


def test_of_a_package_all_is_uploaded_but_hidden_and_compiled_files(
    tmp_path: Path, load: Load
) -> None:
    write(tmp_path, A_PACKAGE)
    got = collect(*load("pkg.process"))
    assert set(got.files) == {
        "pkg/__init__.py", "pkg/process.py", "pkg/sub/helper.py", "pkg/sub/data.csv",
    }  # fmt: skip
    assert got.files["pkg/sub/data.csv"] == b"a,b"
    assert got.entrypoint == "pkg/process.py:run"


def test_a_nested_module_belongs_to_its_top_level_package(tmp_path: Path, load: Load) -> None:
    write(
        tmp_path,
        {"top/__init__.py": "", "top/a/__init__.py": "", "top/a/deep.py": FLOW + PROCESSOR},
    )
    got = collect(*load("top.a.deep"))
    assert set(got.files) == {"top/__init__.py", "top/a/__init__.py", "top/a/deep.py"}
    assert got.entrypoint == "top/a/deep.py:run"


def test_a_package_without_init_and_one_that_is_all_init(tmp_path: Path, load: Load) -> None:
    write(tmp_path, {"space/mod.py": FLOW + PROCESSOR, "whole/__init__.py": FLOW + PROCESSOR})
    assert collect(*load("space.mod")).entrypoint == "space/mod.py:run"
    assert collect(*load("whole")).entrypoint == "whole/__init__.py:run"


def test_the_flow_may_be_in_another_module_of_the_package(tmp_path: Path, load: Load) -> None:
    write(
        tmp_path,
        {
            "pkg/__init__.py": "",
            "pkg/work.py": FLOW,
            "pkg/process.py": "from pkg.work import run\n" + PROCESSOR,
        },
    )
    assert collect(*load("pkg.process")).entrypoint == "pkg/work.py:run"


def test_of_a_lone_module_only_its_file_is_uploaded(tmp_path: Path, load: Load) -> None:
    write(tmp_path, {"lone.py": FLOW + PROCESSOR, "neighbour.py": "", ".env": "SECRET=1"})
    got = collect(*load("lone"))
    assert set(got.files) == {"lone.py"}
    assert got.entrypoint == "lone.py:run"


def test_of_two_lone_modules_both_are_uploaded(tmp_path: Path, load: Load) -> None:
    write(tmp_path, {"work_flow.py": FLOW, "lone2.py": "from work_flow import run\n" + PROCESSOR})
    got = collect(*load("lone2"))
    assert set(got.files) == {"work_flow.py", "lone2.py"}
    assert got.entrypoint == "work_flow.py:run"


def test_a_flow_and_a_processor_that_are_not_together_are_refused(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path,
        {
            "elsewhere/far_flow.py": FLOW,
            "lone3.py": "from far_flow import run\n" + PROCESSOR,
            "pkg1/__init__.py": "",
            "pkg1/work.py": FLOW,
            "pkg2/__init__.py": "",
            "pkg2/process.py": "from pkg1.work import run\n" + PROCESSOR,
        },
    )
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    for module in ("lone3", "pkg2.process"):
        with pytest.raises(PackageError, match=r"put both into one package"):
            collect(*load(module))


@pytest.mark.parametrize("example", ["hi_prefect_world", "simple_flow"])
def test_of_this_librarys_examples_only_the_module_is_uploaded(example: str) -> None:
    module = importlib.import_module(f"pygeoapi_prefect.examples.{example}")
    processor = next(
        value
        for name, value in vars(module).items()
        if name.endswith("Processor") and value.__module__ == module.__name__
    )
    got = collect(processor.process_flow, processor)
    assert set(got.files) == {f"{example}.py"}
    assert got.entrypoint == f"{example}.py:{example}"


def test_the_flows_name_in_its_module_counts_not_the_functions(tmp_path: Path, load: Load) -> None:
    text = FLOW.replace("@flow\n", "") + "run_it = flow(name='x')(run)\ndel run\n"
    write(
        tmp_path,
        {
            "named.py": text + PROCESSOR.replace("(run)", "(run_it)"),
            "options.py": FLOW + PROCESSOR.replace("(run)", "(run.with_options(name='y'))"),
            "nameless.py": FLOW + PROCESSOR + "\ndel run\n",
        },
    )
    assert collect(*load("named")).entrypoint == "named.py:run_it"
    assert collect(*load("options")).entrypoint == "options.py:run"
    with pytest.raises(PackageError, match="must be assigned to a name"):
        collect(*load("nameless"))


def test_prefectignore_beside_the_package_is_honoured(tmp_path: Path, load: Load) -> None:
    ignored = "# data\n*.csv\n/pkg/sub/\n!pkg/.env\n!pkg/sub/helper.py\n"
    write(tmp_path, A_PACKAGE | {".prefectignore": ignored})
    assert set(collect(*load("pkg.process")).files) == {"pkg/__init__.py", "pkg/process.py"}


def test_another_ignore_file_takes_its_place(tmp_path: Path, load: Load) -> None:
    write(tmp_path, A_PACKAGE | {".prefectignore": "*.csv", "mine.txt": "helper.py"})
    got = collect(*load("pkg.process"), Path("mine.txt"))
    assert set(got.files) == {"pkg/__init__.py", "pkg/process.py", "pkg/sub/data.csv"}
    with pytest.raises(PackageError, match=r"nothere\.txt does not exist"):
        collect(*load("pkg.process"), Path("nothere.txt"))


def test_the_flows_own_file_must_not_be_ignored(tmp_path: Path, load: Load) -> None:
    write(tmp_path, A_PACKAGE | {".prefectignore": "process.py"})
    with pytest.raises(
        PackageError, match=r"pkg/process\.py holds the flow 'run', but the ignore file excludes it"
    ):
        collect(*load("pkg.process"))


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("pkg/json.py", "json"),
        ("pkg/types/__init__.py", "types"),
        ("pkg/_ssl.cpython-312-x86_64-linux-gnu.so", "_ssl"),
        ("pkg/prefect.py", "prefect"),
        ("pkg/pygeoapi/__init__.py", "pygeoapi"),
    ],
)
def test_siblings_that_hide_other_modules_are_refused(
    tmp_path: Path, load: Load, path: str, module: str
) -> None:
    write(tmp_path, A_PACKAGE)
    got = load("pkg.process")
    write(tmp_path, {path: ""})
    with pytest.raises(PackageError, match=rf"{path} would be imported .* '{module}' .* rename it"):
        collect(*got)


def test_a_package_named_like_the_standard_library_is_refused(tmp_path: Path, load: Load) -> None:
    write(tmp_path, {"this/__init__.py": "", "this/process.py": FLOW + PROCESSOR})
    with pytest.raises(PackageError, match=r"this/__init__\.py .*the standard library"):
        collect(*load("this.process"))


def test_the_same_names_elsewhere_harm_nobody(tmp_path: Path, load: Load) -> None:
    harmless = {
        "pkg/sub/json.py": "",  # not beside the flow
        "pkg/test/data.txt": "",  # no module
        "pkg/io.csv": "",
    }
    write(tmp_path, A_PACKAGE | harmless)
    assert set(harmless) < set(collect(*load("pkg.process")).files)


def test_relative_imports_in_the_flows_file_are_refused(tmp_path: Path, load: Load) -> None:
    write(tmp_path, A_PACKAGE | {"pkg/process.py": "from .sub import helper" + FLOW + PROCESSOR})
    with pytest.raises(PackageError, match=r"process\.py, line 1: relative imports do not work"):
        collect(*load("pkg.process"))


def test_a_link_out_of_the_package_is_refused_unless_ignored(tmp_path: Path, load: Load) -> None:
    write(tmp_path, A_PACKAGE)
    got = load("pkg.process")
    (tmp_path / "pkg/inside.csv").symlink_to("sub/data.csv")
    assert collect(*got).files["pkg/inside.csv"] == b"a,b"
    for target in (".env", "."):
        link = tmp_path / "pkg/outside"
        link.symlink_to(tmp_path / target)
        with pytest.raises(PackageError, match="pkg/outside is a link to a file outside"):
            collect(*got)
        write(tmp_path, {"ignore": "outside"})
        assert "pkg/outside" not in collect(*got, Path("ignore")).files
        link.unlink()


def test_more_than_the_limit_is_refused(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1024)
    write(tmp_path, A_PACKAGE | {"pkg/big.bin": "x" * 1000})
    with pytest.raises(PackageError, match=r"more than .* MiB in .*pkg.*\.prefectignore"):
        collect(*load("pkg.process"))


def test_the_version_changes_with_any_content_path_or_entrypoint() -> None:
    first = package.Package({"a.py": b"x", "b.py": b"y"}, "a.py:run")
    assert first.version == package.Package({"b.py": b"y", "a.py": b"x"}, "a.py:run").version
    others = [
        package.Package({"a.py": b"x", "b.py": b"z"}, "a.py:run"),
        package.Package({"a.py": b"x", "c.py": b"y"}, "a.py:run"),
        package.Package({"a.py": b"xb.pyy"}, "a.py:run"),
        package.Package({"a.py": b"x", "b.py": b"y"}, "a.py:walk"),
    ]
    assert len({first.version, *(other.version for other in others)}) == 5
    assert len(first.version) == 16
    assert int(first.version, 16) >= 0


def test_an_installed_flow_is_named_by_its_module(tmp_path: Path, load: Load) -> None:
    write(tmp_path, A_PACKAGE)
    flow, _ = load("pkg.process")
    entrypoint, version = installed(flow)
    assert entrypoint == "pkg.process.run"
    write(tmp_path, {"pkg/process.py": FLOW + PROCESSOR + "# changed\n"})
    assert installed(flow)[1] != version


def test_a_flow_without_a_file_is_refused() -> None:
    namespace: dict[str, Any] = {"__name__": "nowhere"}
    exec("def run(): pass\nclass Processor: pass", namespace)
    with pytest.raises(PackageError, match="not defined in a Python file"):
        collect(Flow(namespace["run"]), namespace["Processor"])
