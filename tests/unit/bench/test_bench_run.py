import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import __main__ as command
from bench.client import BenchError
from bench.folder import data_folder
from bench.plan import SMOKE
from bench.run import SYSTEMS, attempt, run
from bench.running import Running
from bench.systems import System
from pygeoapi_prefect.embedded.layout import Layout

PATH = {"PATH": "/usr/bin:/bin"}


@contextmanager
def broken(state: Path) -> Iterator[Running]:
    raise BenchError("it does not start")
    yield


def test_a_system_that_fails_is_noted_and_costs_no_other_numbers(tmp_path: Path) -> None:
    errors: list[str] = []
    assert attempt(System("a", "A", broken), tmp_path, SMOKE, errors) == {}
    assert errors == ["a: it does not start"]


def test_a_record_tells_machine_versions_and_load(tmp_path: Path) -> None:
    record = run(SMOKE, tmp_path / "state", [], lambda _: None)
    assert record["machine"]["cpus"] >= 1
    assert record["versions"]["prefect"]
    assert len(record["load_average_at_start"]) == 3
    assert record["systems"] == {}
    assert json.loads(json.dumps(record))["profile"] == "smoke"
    assert not (tmp_path / "state").exists()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    for verb in (["run", "--only", "tinydb", "--profile", "smoke"], ["soak"]):
        result = CliRunner().invoke(command.main, [*verb, "--state", str(tmp_path)])
        assert result.exit_code == 1
        assert "is not empty" in result.output
    assert (tmp_path / "precious").read_text() == "data"


def test_what_an_interrupted_run_left_is_removed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with data_folder(state):
        (state / "old").touch()
        with data_folder(state):
            assert not (state / "old").exists()
    assert not state.exists()


def test_a_process_that_ends_too_early_is_told_with_its_log(tmp_path: Path) -> None:
    with Running(Layout(tmp_path)) as running:
        child = running.spawn("it", ["sh", "-c", "echo the reason; exit 3"], PATH)
        with pytest.raises(BenchError, match=r"it ended:\n.*the reason"):
            running.until(child, lambda: False)
        with pytest.raises(BenchError, match="other failed"):
            running.run("other", ["sh", "-c", "exit 3"], PATH)


def test_processes_end_with_the_context(tmp_path: Path) -> None:
    with Running(Layout(tmp_path)) as running:
        child = running.spawn("it", ["sleep", "60"], PATH)
        assert set(running.roots) == {"it"}
    assert child.ended()
    assert running.roots == {}


def test_the_page_and_its_picture_are_made_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "DOCS", tmp_path)
    file = tmp_path / "results.json"
    record = run(SMOKE, tmp_path / "state", [], lambda _: None)
    record["systems"] = {"ours": {"submit_ms_p50": 200.0}}
    command.write(file, record)
    result = CliRunner().invoke(command.main, ["report", str(file)])
    assert result.exit_code == 0, result.output
    assert (
        "| submit → successful, p50 | ≤ 200 ms | 200 | met |"
        in (tmp_path / "performance.md").read_text()
    )
    assert (tmp_path / "performance.svg").read_text().startswith("<svg")


def test_a_results_file_is_named_for_day_machine_and_kind() -> None:
    assert command.results_file("full").name.endswith("cpu-full.json")


def test_peers_are_locked() -> None:
    peers = Path(__file__).parents[3] / "bench" / "peers"
    for name in ("pygeoapi-prefect-0.9.1", "pygeoapi-0.24"):
        assert (peers / name / "uv.lock").is_file()
    assert "pygeoapi-prefect-0.9.1" in {system.name for system in SYSTEMS}
