"""The page of bounds: generated from the code, complete, each with a test that exists."""

import ast
from pathlib import Path

import pytest

from pygeoapi_prefect.config import KEYS, ManagerSettings
from support.bounds import BOUNDS, Bound, count, size
from support.bounds_page import BLOCK, PAGE, written

ROOT = Path(__file__).parents[2]
DOCUMENTED = (ROOT / "docs" / "configuration.md").read_text()


def names_in(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text())) if file.is_file() else ()
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_page_is_what_the_code_has() -> None:
    page = PAGE.read_text()
    assert len(BLOCK.findall(page)) == 1
    assert written(page) == page, "run scripts/document"


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.of)
def test_each_bound_has_a_test_that_exists(bound: Bound) -> None:
    file, _, name = bound.test.partition("::")
    assert name in names_in(ROOT / file), bound.test


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.of)
def test_each_setting_is_documented(bound: Bound) -> None:
    for setting in bound.setting.split("`")[1::2]:
        if not bound.setting.startswith(("gunicorn", "`server.limits")):
            assert f"`{setting}`" in DOCUMENTED, setting


def test_each_limit_of_the_configuration_is_on_the_page() -> None:
    settings = {name for bound in BOUNDS for name in bound.setting.split("`")[1::2]}
    limits = {name for name in ManagerSettings.model_fields if name.startswith("max_")}
    of_deployments = {
        f"prefect.deployment.{name}"
        for name in KEYS["processor.prefect.deployment"]
        if "limit" in name or name.startswith("max_") or name == "timeout_seconds"
    }
    assert len(limits) > 5
    assert len(of_deployments) > 3
    assert limits | of_deployments | {"rate_limits", "sync_timeout_seconds"} <= settings


def test_each_bound_is_named_once() -> None:
    assert len({bound.of for bound in BOUNDS}) == len(BOUNDS) > 40


def test_numbers_are_written_for_people() -> None:
    assert [size(16 << 20), size(1 << 30), size(4094)] == ["16 MiB", "1 GiB", "4,094 bytes"]
    assert [count(2_000_000.0), count(0.5)] == ["2,000,000", "0.5"]
