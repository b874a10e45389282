"""The stack under test: that of STACK_URL, or a Compose project of its own, removed at the end."""

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from support.compose import BUILD_SECONDS, ComposeStack, Door

_running: list[ComposeStack] = []


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """A Compose stack built from a copy of the repository with a process added."""
    if os.environ.get("STACK_URL"):
        pytest.skip("needs a Compose stack of its own: STACK_URL is set")
    compose = ComposeStack(tmp_path_factory.mktemp("compose") / "repository")
    _running.append(compose)
    try:
        compose.compose("build", timeout=BUILD_SECONDS)
        compose.up()
        yield compose
    finally:
        _running.remove(compose)
        compose.down()


@pytest.fixture(scope="session")
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """Any stack, seen from outside. STACK_PREFECT_URL is Prefect's API,
    PREFECT_API_AUTH_STRING its secret.
    """
    url = os.environ.get("STACK_URL")
    if url is None:
        yield request.getfixturevalue("stack")
        return
    prefect = os.environ.get("STACK_PREFECT_URL", "http://localhost:4200/api")
    other = Door(url, prefect, os.environ.get("PREFECT_API_AUTH_STRING", ""))
    yield other
    other.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Add the state of the stack to the report of a failure."""
    report = yield
    if report.failed:
        for compose in _running:
            report.sections.append(("the stack", compose.report()))
    return report
