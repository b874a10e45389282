import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.client import BenchError, Client, require_loopback
from bench.plan import FULL, PROFILES, QUICK
from bench.run import SYSTEMS, quiet_enough
from bench.systems import write_config
from bench.usage import Peak, cpu_seconds, rss_mib, rss_of
from pygeoapi_prefect.config import Settings, load_config
from pygeoapi_prefect.embedded.processes import Identity

BURN = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
print("done", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000", "http://localhost:1", "http://[::1]:2/a"])
def test_this_machine_may_be_loaded(url: str) -> None:
    assert require_loopback(url) == url


@pytest.mark.parametrize(
    "url",
    ["http://example.org", "http://10.0.0.1:5000", "http://localhost.example.org", "", "nonsense"],
)
def test_no_other_machine_is_ever_loaded(url: str) -> None:
    with pytest.raises(BenchError, match="loopback only"):
        Client(url)


def test_cpu_time_of_children_that_have_ended_counts() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        assert cpu_seconds({"it": Identity.of(process.pid)}) >= 0.2
        process.communicate(b"")


def test_memory_is_that_of_processes_that_live() -> None:
    own = {"own": Identity.of(os.getpid())}
    assert rss_mib(own)["own"] > 10
    assert rss_of(lambda _: True, own) > 10
    assert rss_of(lambda _: False, own) == 0
    assert rss_mib({"gone": Identity(os.getpid(), time.time() - 10**6)}) == {"gone": 0}


def test_a_peak_is_stopped_with_its_context() -> None:
    with Peak({}) as peak:
        pass
    assert peak.value == 0


def test_full_is_what_the_goals_speak_of() -> None:
    assert FULL.repeats >= 3
    assert FULL.fast.burst == 200
    assert FULL.clients == 8
    assert FULL.rows == (100, 10_000, 100_000)
    assert FULL.stored == 2_000
    assert PROFILES["quick"] is QUICK


def test_names_of_systems_differ() -> None:
    names = [system.name for system in SYSTEMS]
    assert len(set(names)) == len(names)


def test_a_busy_machine_is_noticed() -> None:
    assert quiet_enough(0.3, 2)
    assert not quiet_enough(1.5, 2)
    assert not quiet_enough(0.9, None)


def test_the_configuration_has_a_process_that_can_be_dismissed(tmp_path: Path) -> None:
    write_config(tmp_path / "config.yml")
    settings = Settings.from_config(load_config(tmp_path / "config.yml"))
    assert settings.processes["bench-sleep"].prefect.deployment is not None


def test_results_of_this_repository_can_be_read() -> None:
    for file in (Path(__file__).parents[3] / "bench" / "results").glob("*.json"):
        assert json.loads(file.read_text())["versions"]["prefect"], file
