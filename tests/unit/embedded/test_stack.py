"""The supervisor on a full disk, with real processes; ``/dev/full`` is the disk."""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pygeoapi_prefect.embedded import processes
from pygeoapi_prefect.embedded.errors import ChildDied
from pygeoapi_prefect.embedded.layout import Layout
from pygeoapi_prefect.embedded.processes import MARK, Child, end_children, rotate
from pygeoapi_prefect.embedded.services import Program
from pygeoapi_prefect.embedded.stack import Stack
from support.polling import wait_for

FULL = Path("/dev/full")
SLEEP = "print('begun', flush=True); import time; time.sleep(60)"


class Watched:
    """A stack of one process, without a loop, and what it has said."""

    def __init__(self, state: Path) -> None:
        self.said: list[str] = []
        self.layout = Layout(state)
        self.layout.make_folders()
        self.stack = Stack(self.layout, self.said.append)
        env = {MARK: str(state)}
        self.stack._spawn(Program("web", [sys.executable, "-c", SLEEP], env, state))
        wait_for(lambda: "begun" in self.child.log.read_text(), 20, "the process")

    @property
    def child(self) -> Child:
        return self.stack._children["web"]

    def end_child(self) -> None:
        self.child.process.kill()
        self.child.process.wait()

    def look_without_pauses(self) -> None:
        while True:
            self.stack._look()
            for name in self.stack._restarts.waiting:
                self.stack._restarts._due[name] = time.monotonic()

    def look_until(self, text: str) -> None:
        def told() -> bool:
            self.stack._look()
            return any(text in line for line in self.said)

        wait_for(told, 20, text)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "state")
    yield watched
    end_children([watched.child], 5)
    watched.stack._http.close()


def test_fault_21_a_log_is_cut_when_its_older_part_cannot_be_kept(tmp_path: Path) -> None:
    """Fault 21: that gives the space back."""
    log = tmp_path / "web.log"
    log.write_text("x" * 100)
    log.with_suffix(".log.1").symlink_to(FULL)
    with pytest.raises(OSError, match="No space left"):
        rotate(log, limit=10)
    assert log.read_text() == ""


def test_fault_21_a_rotation_that_fails_is_one_line(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 21: it ended the whole stack."""
    monkeypatch.setattr(processes.rotate, "__defaults__", (3,))
    watched.child.log.with_suffix(".log.1").symlink_to(FULL)
    watched.stack._look()
    watched.stack._look()
    (line,) = watched.said
    assert re.search(r"the older part of \S+web\.log was lost \(.*No space left", line)
    assert not watched.child.ended()
    assert watched.child.log.read_text() == ""


def test_fault_21_a_log_that_cannot_be_opened_is_told_once_until_it_can(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 21: the supervisor looks five times a second."""
    monkeypatch.setattr(processes.rotate, "__defaults__", (-1,))
    watched.child.log.unlink()
    for times in (1, 2):
        watched.child.log.mkdir()
        for _ in range(3):
            watched.stack._look()
        assert len(watched.said) == times
        watched.child.log.rmdir()
        watched.stack._look()


def test_fault_21_a_restart_that_fails_counts_as_an_end(watched: Watched) -> None:
    """Fault 21: with its pause; the process is started when it can be."""
    log = watched.child.log
    watched.end_child()
    watched.stack._look()
    assert "restarting it in 1 s" in watched.said[-1]
    log.rename(log.with_suffix(".kept"))
    log.mkdir()  # it cannot be opened for writing
    watched.look_until("web cannot be started")
    assert any(
        re.search(r"cannot be started \(.*\); restarting it in 2 s", s) for s in watched.said
    )
    log.rmdir()
    watched.look_until("web was restarted, process")
    assert not watched.child.ended()


def test_fault_21_a_restart_that_always_fails_ends_the_stack(watched: Watched) -> None:
    """Fault 21: it says why."""
    watched.end_child()
    watched.child.log.unlink()
    watched.child.log.mkdir()
    with pytest.raises(ChildDied, match=r"web cannot be started .* 4 times within 60 s"):
        watched.look_without_pauses()


def test_fault_21_a_process_runs_on_when_the_record_cannot_be_written(watched: Watched) -> None:
    """Fault 21: ``stop`` finds it by its mark."""
    (watched.layout.state / "stack.new").symlink_to(FULL)
    watched.end_child()
    watched.look_until("the record of the stack cannot be written")
    assert not watched.child.ended()
    assert [p.pid for p in processes.marked(str(watched.layout.state))] == [
        watched.child.process.pid
    ]


def test_fault_21_a_supervisor_whose_own_output_is_full_goes_on(tmp_path: Path) -> None:
    """Fault 21."""

    def say(_: str) -> None:
        with FULL.open("w") as output:
            output.write("x")

    stack = Stack(Layout(tmp_path), say)
    stack._tell("a line")
    stack._http.close()
