"""Metadata of the package, continuous integration, and what a contributor is told."""

import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")


def test_the_metadata_are_complete_and_ours() -> None:
    assert PROJECT["authors"]
    assert PROJECT["license"] == "MIT"
    assert len(PROJECT["keywords"]) >= 4
    assert not any("pygeoapi.io" in url for url in PROJECT.get("urls", {}).values())
    assert (ROOT / "src/pygeoapi_prefect/py.typed").exists()
    assert "Typing :: Typed" in PROJECT["classifiers"]


def test_the_classifiers_name_the_versions_of_python_that_are_supported() -> None:
    supported = SpecifierSet(PROJECT["requires-python"])
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert named == [f"3.{minor}" for minor in range(10, 20) if f"3.{minor}" in supported]


def test_the_lock_has_the_version_of_the_project() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    locked = [package for package in packages if package["name"] == PROJECT["name"]]
    assert [package["version"] for package in locked] == [PROJECT["version"]]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_only_read_and_pins_what_it_uses(file: Path) -> None:
    text = file.read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 120
    uses = [line for line in text.splitlines() if "uses:" in line]
    assert uses
    for line in uses:
        assert PINNED.search(line), line


def test_ci_runs_the_command_that_everybody_can_run() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & stat.S_IXUSR


def test_updates_stop_at_the_bounds_of_the_project() -> None:
    """A new minor version of Prefect is a task, not an update; so with each upper bound."""
    bounds = {}
    for line in PROJECT["dependencies"]:
        requirement = Requirement(line)
        for bound in requirement.specifier:
            if bound.operator == "<":
                bounds[requirement.name] = Version(bound.version)
    assert "prefect" in bounds
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    python = next(update for update in updates if update["package-ecosystem"] == "uv")
    ignored = {entry["dependency-name"]: entry["versions"] for entry in python["ignore"]}
    assert ignored == {name: [f">={version}"] for name, version in bounds.items()}


def test_updates_cover_every_kind_of_lock() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"uv", "github-actions", "gomod"}
    for update in updates:
        assert (ROOT / update["directory"].strip("/")).is_dir()


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.stem)
def test_issue_forms_are_forms(file: Path) -> None:
    form = yaml.safe_load(file.read_text())
    if file.stem == "config":
        assert set(form) <= {"blank_issues_enabled", "contact_links"}
        return
    assert {"name", "description", "body"} <= set(form)
    kinds = {"markdown", "textarea", "input", "dropdown", "checkboxes"}
    assert {part["type"] for part in form["body"]} <= kinds
    ids = [part["id"] for part in form["body"] if "id" in part]
    assert len(ids) == len(set(ids)) >= 3


def test_the_readme_of_scripts_lists_every_script_on_one_screen() -> None:
    text = (ROOT / "scripts/README.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", text, re.M)
    listed = [name for row in rows for name in re.findall(r"`([\w-]+)`", row)]
    scripts = [file.name for file in (ROOT / "scripts").iterdir() if file.suffix != ".md"]
    assert sorted(listed) == sorted(scripts)
    assert len(text.splitlines()) <= 40


def test_contributors_find_the_rules_and_the_reasons() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for target in ("docs/architecture.md", "docs/decisions/README.md", "docs/releasing.md"):
        assert f"]({target})" in text
    for heading in ("Commits", "Plain English", "Where a line belongs"):
        assert f"\n## {heading}\n" in text
    assert "72 characters" in text


def test_a_misspelling_is_found_but_not_in_files_of_others(tmp_path: Path) -> None:
    assert "codespell" in (ROOT / "scripts/check").read_text()
    files = [tmp_path / name for name in ("text.md", "leaflet.js", "uv.lock")]
    for file in files:
        file.write_text("It was recieved.\n")  # codespell:ignore recieved
    command = [sys.executable, "-m", "codespell_lib", "--toml", str(ROOT / "pyproject.toml")]
    found = subprocess.run([*command, *map(str, files)], capture_output=True, text=True)
    assert found.returncode == 65
    assert re.findall(r"^(.*?):1: ", found.stdout, re.M) == [str(files[0])]
