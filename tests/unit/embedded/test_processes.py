import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pygeoapi_prefect.embedded.processes import (
    MARK,
    Child,
    Identity,
    end,
    end_children,
    family,
    marked,
    rotate,
    session,
    spawn,
    tail,
)
from support.polling import wait_for

PARENT = """
import subprocess, sys, time
command = [sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(command, start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


def start(code: str, folder: Path, name: str = "child") -> Child:
    env = {**os.environ, MARK: str(folder)}
    return spawn(name, [sys.executable, "-c", code], env=env, cwd=folder, logs=folder)


def first_line(child: Child) -> str:
    return wait_for(child.log.read_text, 20, "output").splitlines()[0]


def test_a_process_is_known_by_its_start_time_too(tmp_path: Path) -> None:
    child = start("import time; time.sleep(60)", tmp_path)

    assert child.identity.find() is not None
    assert Identity(child.identity.pid, child.identity.started - 60).find() is None

    end_children([child], 10)
    assert child.identity.find() is None


def test_a_zombie_no_longer_runs(tmp_path: Path) -> None:
    child = start("", tmp_path)
    process = psutil.Process(child.identity.pid)

    wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE, 20, "its end")

    assert child.identity.find() is None
    assert child.ended()


def test_the_family_has_descendants_in_other_sessions(tmp_path: Path) -> None:
    child = start(PARENT, tmp_path)
    grandchild = int(first_line(child))

    assert {p.pid for p in family([child.identity])} == {child.identity.pid, grandchild}

    end(family([child.identity]), signal.SIGTERM, 10)
    child.process.wait(10)
    assert family([child.identity]) == []


def test_orphans_are_found_by_their_mark(tmp_path: Path) -> None:
    child = start(PARENT, tmp_path)
    grandchild = int(first_line(child))
    child.process.kill()
    child.process.wait(10)

    assert family([child.identity]) == []
    assert [p.pid for p in marked(str(tmp_path))] == [grandchild]
    assert marked(f"{tmp_path}-other") == []

    end(marked(str(tmp_path)), signal.SIGTERM, 10)
    assert marked(str(tmp_path)) == []


def test_whoever_looks_for_the_mark_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job may run the stop command: it would end itself before the rest."""
    code = f"from pygeoapi_prefect.embedded.processes import marked; print(marked({'mark'!r}))"
    env = {**os.environ, MARK: "mark"}
    output = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)

    assert output.stdout.strip() == b"[]"


def test_what_ignores_its_signal_is_killed(tmp_path: Path) -> None:
    children = [start(DEAF, tmp_path, name) for name in ("one", "two")]
    for child in children:
        first_line(child)

    end_children(children[:1], 0.2)
    end([psutil.Process(children[1].identity.pid)], signal.SIGTERM, 0.2)

    assert [child.identity.find() for child in children] == [None, None]
    for child in children:
        child.process.wait(10)


def test_the_previous_log_is_kept(tmp_path: Path) -> None:
    for text in ("first", "second", "third"):
        start(f"print({text!r})", tmp_path).process.wait(20)

    assert (tmp_path / "child.log").read_text() == "third\n"
    assert (tmp_path / "child.log.1").read_text() == "second\n"


def test_a_message_ends_with_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {i}\n" for i in range(100)))

    assert tail(log, 2) == "  line 98\n  line 99"
    log.write_text("")
    assert tail(log) == "  (its log is empty)"
    assert "No such file" in tail(tmp_path / "none.log")


def test_one_that_is_started_again_goes_on_with_the_log(tmp_path: Path) -> None:
    """Fault 21: the log still tells why its predecessor has ended."""
    for text, again in (("first", False), ("second", True)):
        command = [sys.executable, "-c", f"print({text!r})"]
        spawn(
            "child", command, env=os.environ, cwd=tmp_path, logs=tmp_path, again=again
        ).process.wait(20)

    assert (tmp_path / "child.log").read_text() == "first\nsecond\n"
    assert not (tmp_path / "child.log.1").exists()


def test_a_session_outlives_its_leader(tmp_path: Path) -> None:
    """Fault 21: what a dead process leaves behind is found by its session and its mark."""
    child = start(PARENT.replace(", start_new_session=True", ""), tmp_path)
    grandchild = int(first_line(child))
    child.process.kill()
    child.process.wait(10)

    assert [p.pid for p in session(child.identity.pid, str(tmp_path))] == [grandchild]
    assert session(child.identity.pid, f"{tmp_path}-other") == []
    assert session(os.getpid(), str(tmp_path)) == []

    end(session(child.identity.pid, str(tmp_path)), signal.SIGTERM, 10)


WRITER = """
import subprocess, sys
for line in sys.stdin:
    print(line.strip(), flush=True)
    subprocess.run(["echo", "child of", line.strip()])
"""


def test_fault_34_a_log_is_rotated_while_its_process_writes(tmp_path: Path) -> None:
    """Fault 34: nothing is renamed below the process, nor below what it has started."""
    log = tmp_path / "web.log"
    with log.open("ab") as output:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=output, text=True
        )
    assert writer.stdin is not None

    def write(line: str) -> None:
        assert writer.stdin is not None
        writer.stdin.write(line + "\n")
        writer.stdin.flush()
        wait_for(lambda: f"child of {line}" in log.read_text(), 20, "the line")

    write("first")
    rotate(log, limit=1000)
    assert log.read_text() == "first\nchild of first\n"
    rotate(log, limit=10)
    assert (log.read_text(), log.with_suffix(".log.1").read_text()) == (
        "",
        "first\nchild of first\n",
    )
    write("second")
    assert log.read_text() == "second\nchild of second\n"
    rotate(log, limit=10)
    assert log.with_suffix(".log.1").read_text() == "second\nchild of second\n"
    writer.stdin.close()
    assert writer.wait(20) == 0
    rotate(tmp_path / "none.log")
