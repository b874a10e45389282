"""A run's log on its way to a server: batches, limits, refusals and outages."""

import io
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from pygeoapi_prefect.engine.log import delivery, runlog
from pygeoapi_prefect.engine.log.runlog import MIB, Limits, RunLog
from support.log_server import LogServer, Rows, log_server
from support.polling import wait_for
from support.prefect_api import use_prefect
from support.stack import free_port

RUN = "0195a1c4-0000-7000-8000-000000000001"


@pytest.fixture(scope="module")
def shared() -> Iterator[LogServer]:
    """One server for all tests: Prefect's settings and client take seconds to make."""
    with log_server() as server:
        yield server


@pytest.fixture
def server(shared: LogServer, monkeypatch: pytest.MonkeyPatch) -> LogServer:
    monkeypatch.setattr(delivery, "OUTAGE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "RESEND_SECONDS", 0.01)
    shared.reset()
    return shared


def log_of(limits: Limits | None = None) -> RunLog:
    return RunLog(lambda: RUN, limits)


def add_all(log: RunLog, messages: Iterable[str]) -> None:
    for message in messages:
        log.add(message)


def logged(*messages: str, limits: Limits | None = None) -> None:
    log = log_of(limits)
    add_all(log, messages)
    log.close()


def contains(rows: Rows, *wanted: str) -> bool:
    return any(row["message"] in wanted for row in rows)


def test_lines_of_a_short_run_are_one_request(server: LogServer) -> None:
    logged("a", "b", "c")
    assert (server.messages, server.batches) == (["a", "b", "c"], [3])


def test_a_silent_run_sends_nothing_and_has_no_thread(server: LogServer) -> None:
    before = threading.active_count()
    logged()
    assert (server.batches, threading.active_count()) == ([], before)


def test_lines_of_a_long_run_are_sent_meanwhile(
    server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runlog, "FLUSH_SECONDS", 0.01)
    log = log_of()
    log.add("a")
    wait_for(lambda: server.messages == ["a"], 10, "the line is sent")
    log.add("b")
    wait_for(lambda: server.messages == ["a", "b"], 10, "the next one is sent")
    log.close()
    assert server.batches == [1, 1]


def test_many_lines_go_in_small_batches_and_in_order(server: LogServer) -> None:
    log = log_of()
    threads = [
        threading.Thread(target=add_all, args=(log, [f"{n} {k}" for k in range(500)]))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert max(server.batches) <= runlog.BATCH_LINES
    for n in range(4):
        mine = [m for m in server.messages if m.startswith(f"{n} ")]
        assert mine == [f"{n} {k}" for k in range(500)]
    assert len({row["timestamp"] for row in server.rows}) == 2000


def test_fault_7_who_logs_faster_than_prefect_takes_waits(
    server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 7: memory is bounded and nothing is lost."""
    monkeypatch.setattr(runlog, "BUFFER_BYTES", 20_000)
    gate = threading.Event()
    server.answer = lambda _: 201 if gate.wait(20) else 500
    log = log_of()
    lines = [f"{k} {'x' * 100}" for k in range(1000)]
    writer = threading.Thread(target=add_all, args=(log, lines))
    writer.start()
    wait_for(lambda: log._buffered > runlog.BUFFER_BYTES, 10, "a full buffer")
    writer.join(0.2)
    assert writer.is_alive()
    assert log._buffered < runlog.BUFFER_BYTES + 2000
    gate.set()
    writer.join(30)
    log.close()
    assert [int(message.split()[0]) for message in server.messages] == list(range(1000))


@pytest.mark.parametrize("status", [422, 500, 503])
def test_fault_7_a_refused_batch_is_sent_again_then_in_halves(
    server: LogServer, status: int
) -> None:
    """Fault 7: one line costs itself only, and the log says that it is missing."""
    server.answer = lambda rows: status if contains(rows, "bad", "worse") else 201
    lines = [f"line {k}" for k in range(50)]
    logged(*lines[:7], "bad", *lines[7:30], "worse", *lines[30:])
    *kept, said = server.messages
    assert kept == lines
    assert said == "2 lines of this log were lost: Prefect did not accept them"
    assert server.rows[-1]["level"] == 30
    assert server.batches[:3] == [52, 52, 26]


def test_a_batch_that_is_refused_once_is_there_once(server: LogServer) -> None:
    answers = iter([500])
    server.answer = lambda _: next(answers, 201)
    logged("a", "b")
    assert (server.messages, server.batches) == (["a", "b"], [2, 2])


def test_a_batch_that_arrived_without_an_answer_is_not_sent_again(server: LogServer) -> None:
    answers = iter([0])
    server.answer = lambda _: next(answers, 201)
    logged("a", "b")
    assert (server.messages, server.batches) == (["a", "b"], [2])


def test_an_outage_of_the_database_is_waited_for(server: LogServer) -> None:
    server.is_ready = False
    tried = threading.Event()

    def answer(_: Rows) -> int:
        tried.set()
        return 201 if server.is_ready else 503

    server.answer = answer
    log = log_of()
    log.add("a")
    closing = threading.Thread(target=log.close)
    closing.start()
    assert tried.wait(10)
    server.is_ready = True
    closing.join(10)
    assert server.messages == ["a"]


def test_lines_lost_in_an_outage_are_counted_when_prefect_is_back(
    server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runlog, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(runlog, "FLUSH_SECONDS", 0.01)
    log = log_of()
    server.is_ready = False
    server.answer = lambda _: 201 if server.is_ready else 503
    log.add("lost")
    log.add("too")
    wait_for(lambda: log._delivery.is_down, 10, "the end of patience")
    server.is_ready = True
    log.add("there")
    log.close()
    assert server.messages == [
        "there",
        "2 lines of this log were lost: Prefect did not accept them",
    ]


def test_without_prefect_the_process_tells_how_many_lines_are_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runlog, "CLOSING_PATIENCE_SECONDS", 0.1)
    output = io.StringIO()
    monkeypatch.setattr("sys.__stderr__", output)
    began = time.monotonic()
    with use_prefect(f"http://127.0.0.1:{free_port()}/api"):
        logged(*map(str, range(250)))
    assert time.monotonic() - began < 60
    assert "250 lines of a run's log were lost" in output.getvalue()


def test_fault_34_the_limit_of_lines_says_when_it_is_reached(server: LogServer) -> None:
    """Fault 34."""
    logged(*map(str, range(10)), limits=Limits(lines=4, bytes=MIB))
    *kept, reached, more = server.messages
    assert kept == ["0", "1", "2", "3"]
    assert reached.startswith("This log has reached its limit of 4 lines")
    assert more == "6 more lines are omitted from this log"


def test_fault_34_each_process_of_a_run_counts_anew(server: LogServer) -> None:
    """Fault 34: as the documentation of the limits says."""
    for attempt in ("first", "second"):
        logged(attempt, attempt, limits=Limits(lines=1, bytes=MIB))
    assert [text for text in server.messages if " " not in text] == ["first", "second"]
    document = (Path(__file__).parents[4] / "docs" / "configuration.md").read_text()
    (row,) = (line for line in document.splitlines() if "| `PYGEOAPI_LOG_MAX_LINES`" in line)
    assert "one process" in row
    assert "counting starts again" in row


def test_fault_34_the_limit_of_bytes_holds_for_what_is_sent(server: LogServer) -> None:
    """Fault 34."""
    logged(*["\0" * 1000] * 10, limits=Limits(lines=100, bytes=8_000))
    assert len(server.messages) == 2 + 2
    assert server.messages[-1] == "8 more lines are omitted from this log"


def test_fault_34_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 34: by default above a million lines and 256 MiB."""
    limits = Limits.from_environment()
    assert limits.lines > 1_000_000
    assert limits.bytes > 256 * MIB
    monkeypatch.setenv("PYGEOAPI_LOG_MAX_LINES", "7")
    monkeypatch.setenv("PYGEOAPI_LOG_MAX_MB", "3")
    assert Limits.from_environment() == Limits(7, 3 * MIB)


def test_fault_34_the_sender_rests_as_long_as_prefect_worked(
    server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 34: half of the time is the others'."""
    monkeypatch.setattr(runlog, "BATCH_LINES", 1)
    busy: list[tuple[float, float]] = []

    def answer(_: Rows) -> int:
        began = time.monotonic()
        time.sleep(0.05)
        busy.append((began, time.monotonic()))
        return 201

    server.answer = answer
    logged(*map(str, range(6)))
    pauses = [later[0] - earlier[1] for earlier, later in pairwise(busy)]
    assert all(pause > 0.04 for pause in pauses[:-1])


def test_a_log_without_an_end_in_time_is_cut_and_counted(server: LogServer) -> None:
    log = log_of()
    server.answer = lambda _: time.sleep(0.2) or 201  # type: ignore[func-returns-value]
    for number in range(1000):
        log.add(str(number))
    log.close(0.3)
    assert "lines of this log were lost" in server.messages[-1]
    assert int(server.messages[-1].split()[0]) == 1000 - (len(server.messages) - 1)


def test_logging_to_prefect_may_be_off(server: LogServer) -> None:
    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: False}):
        logged("a")
    assert server.batches == []


def test_a_log_without_lines_is_forgotten() -> None:
    log = RunLog(lambda: RUN)
    log.close()
    gone = weakref.ref(log)
    del log
    assert gone() is None or gone() not in list(runlog._open)


def test_what_is_left_is_sent_when_the_interpreter_ends(server: LogServer) -> None:
    log = log_of()
    log.add("a")
    runlog.close_all()
    assert server.messages == ["a"]


def test_a_fork_of_the_process_writes_to_its_own_output(server: LogServer) -> None:
    log = log_of()
    log._pid = -1
    log.add("a")
    log.close()
    assert server.batches == []
