"""The OGC's own test suite, where CITE_JAR names its jar (and CITE_SCHEMAS the schemas)."""

import os
import subprocess
from pathlib import Path

import pytest

from support.stack import REPOSITORY, RunningStack
from support.web import environment, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("CITE_JAR" not in os.environ, reason="NOT RUN: CITE_JAR names no jar"),
]


def cite(url: str) -> subprocess.CompletedProcess[str]:
    line = [str(REPOSITORY / "scripts/cite"), url, "echo"]
    return subprocess.run(line, capture_output=True, text=True, timeout=280, check=False)


def test_it_passes_without_the_monitor_link(stack: RunningStack, tmp_path: Path) -> None:
    without = environment(stack.prefect_api_url) | {"MONITOR_LINK": "false"}
    with serving(without, stack.config, tmp_path / "log") as client:
        found = cite(str(client.base_url).rstrip("/"))
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.splitlines()[-1] == "53 passed, 0 failed, 1 skipped"


def test_only_its_own_fault_fails_with_the_link(stack: RunningStack) -> None:
    found = cite(stack.url)
    *tests, _ = (line.split() for line in found.stdout.splitlines())
    failed = [name for name, word, *_ in tests if word == "failed"]
    assert failed == ["Jobs.testJobResultsSync"], found.stdout
    assert found.returncode == 1
