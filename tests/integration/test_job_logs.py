"""The logs of runs in Prefect: complete, in order, with every line that a job's code writes."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from support.http import job_of, prefect_run
from support.polling import wait_for
from support.stack import RunningStack
from support.workers import Pool, Worker

LINES_VARIABLE = "PYGEOAPI_PREFECT_TEST_LINES"
END = "Finished in state"
INFO, WARNING, ERROR = 20, 30, 40


@pytest.fixture(scope="module")
def pool(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.make(stack.prefect, tmp_path_factory.mktemp("pool"))


@pytest.fixture(scope="module")
def worker(stack: RunningStack, pool: Pool) -> Iterator[Worker]:
    worker = Worker(pool, stack.prefect_api_url).wait_until_ready()
    yield worker
    assert worker.stop() == 0, worker.text()
    assert "Traceback" not in worker.text()


@pytest.mark.parametrize("flow", ["worker-probe", "worker-probe-quiet"])
def test_fault_8_what_is_logged_and_printed_on_the_worker_is_there_once(
    worker: Worker, pool: Pool, flow: str
) -> None:
    """Fault 8, with and without ``log_prints``."""
    run_id = pool.wait(pool.submit("talk", flow), timeout=60)["id"]
    rows = pool.wait_for_log(run_id, END)
    own = [row for row in rows if "flow run" not in row["message"] and END not in row["message"]]
    told = Counter((row["level"], row["message"].partition("\nTraceback")[0]) for row in own)
    expected = {
        (INFO, "told by logging"): 1,
        (WARNING, "a warning"): 1,
        (ERROR, "an error"): 1,
        (INFO, "told by Prefect's logger"): 1,
        (WARNING, "machinery in trouble"): 1,
        (INFO, "printed-1"): 1,
        (INFO, "two\nlines"): 1,
        (INFO, "told by a thread"): 1,
        (INFO, "told by a task"): 1,
        (INFO, "told by another"): 1,
        (INFO, "printed by a task"): 1,
        (INFO, "printed by another"): 1,
    }
    wrong = next(key for key in told if "wrong" in key[1] or "arguments" in key[1])
    assert "%d arguments" in wrong[1]
    assert told.pop(wrong) == 1
    assert {key: told[key] for key in expected} == expected
    assert {key for key in told if "Finished" not in key[1] and "Created" not in key[1]} == {
        *expected
    }
    assert "KeyError: 'no such zone'" in next(r["message"] for r in own if r["level"] == ERROR)
    tasks = {row["message"]: row["task_run_id"] for row in own if "a task" in row["message"]}
    assert tasks["told by a task"]
    assert tasks["told by a task"] == tasks["printed by a task"]
    names = {row["message"]: row["name"] for row in own}
    assert names["told by logging"] == "my_package.module"


def test_fault_34_what_a_job_writes_past_python_is_bounded(worker: Worker, pool: Pool) -> None:
    """Fault 34: the worker's output has it up to a limit."""
    before = len(worker.text())
    assert pool.wait(pool.submit("shout"))["state_type"] == "COMPLETED"
    wait_for(lambda: "the rest is omitted" in worker.text(), 20, "the note")
    assert "told by a shell" in worker.text()
    assert len(worker.text()) - before < (1 << 20) + 4000


def numbered(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (row for row in rows if re.match(r"\d{6} ", row["message"]))


def check_chatter(pool: Pool, run_id: str, count: int) -> None:
    """All lines are there, in order, with hostile ones as text that says the same."""
    last = f"{count - 1:06d} "
    wait_for(lambda: ends_with(pool, run_id, last), 900, lambda: str(newest(pool, run_id)))
    times = []
    for number, row in enumerate(numbered(pool.log_pages(run_id))):
        message = row["message"]
        assert int(message[:6]) == number
        times.append(datetime.fromisoformat(row["timestamp"]))
        if number % 100 == 0:
            check_hostile(number // 100 % 60, message[7:])
        assert row["level"] == (32_767 if number % 100 == 1 else INFO)
        assert row["name"] == "my\\x00package\\udfff"
    assert len(times) == count
    assert all(earlier < later for earlier, later in pairwise(times))
    first, second = pool.notes(run_id)
    assert second["after"] - first["before"] < 64


def check_hostile(kind: int, text: str) -> None:
    if kind == 2:
        assert 900_000 < len(text) < 1_000_000
        assert text.endswith("x ... (cut: the line has 3000007 characters)")
        return
    expected = {
        0: "a lone surrogate \\ud800 \\udfff",
        1: "a NUL \\x00 within",
        3: "escapes \x1b[31m \r\n\t \x7f",
        4: "\U0001f600 \u20ac",
    }
    assert text == expected.get(kind, "")


def newest(pool: Pool, run_id: str) -> dict[str, Any]:
    query = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_DESC", "limit": 3}
    rows = pool.api.post("/logs/filter", json=query).raise_for_status().json()
    return {row["message"][:60]: row["timestamp"] for row in rows}


def ends_with(pool: Pool, run_id: str, last: str) -> bool:
    return any(message.startswith(last) for message in newest(pool, run_id))


def test_fault_7_a_job_that_logs_much_has_all_lines_in_order(worker: Worker, pool: Pool) -> None:
    """Fault 7: 3 000 lines, some of them hostile."""
    run = pool.wait(pool.submit("chatter:3000"), timeout=120)
    assert run["state_type"] == "COMPLETED"
    check_chatter(pool, run["id"], 3000)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fault_7_many_lines(worker: Worker, pool: Pool) -> None:
    """Fault 7: 200 000 lines before a release, of which 200 are hostile; fewer in CI."""
    lines = int(os.environ.get(LINES_VARIABLE, "40000"))
    run = pool.wait(pool.submit(f"chatter:{lines}"), timeout=3000)
    assert run["state_type"] == "COMPLETED"
    check_chatter(pool, run["id"], lines)


# -- In the web process --------------------------------------------------------------------------


def run_of(stack: RunningStack, job_id: str) -> str:
    return str(prefect_run(stack, job_id)["id"])


def test_fault_8_jobs_in_the_web_process_have_their_own_lines_each(
    stack: RunningStack, pool: Pool
) -> None:
    """Fault 8: several jobs at once, in threads of the same processes."""
    words = [f"word{number}" for number in range(8)]

    def execute(word: str) -> str:
        url = f"{stack.url}/processes/vanilla-talking/execution"
        reply = httpx.post(url, json={"inputs": {"kind": word}}, timeout=60, trust_env=False)
        assert reply.text == word
        return job_of(reply)

    with ThreadPoolExecutor(len(words)) as executor:
        jobs = dict(zip(words, executor.map(execute, words), strict=True))
    for word, job_id in jobs.items():
        rows = pool.wait_for_log(run_of(stack, job_id), f"printed {word} 49")
        assert [row["message"] for row in rows] == [
            f"{kind} {word} {number}" for number in range(50) for kind in ("logged", "printed")
        ]
        assert {row["level"] for row in rows} == {INFO}
    assert "someones.processor" not in stack.log("pygeoapi")


def test_fault_8_the_log_of_a_failed_job_in_the_web_process_says_why(
    stack: RunningStack, pool: Pool
) -> None:
    """Fault 8."""
    reply = stack.client.post(
        "/processes/vanilla-talking/execution", json={"inputs": {"kind": "raise"}}
    )
    assert reply.status_code == 500
    jobs = stack.client.get("/jobs", params={"processID": "vanilla-talking", "status": "failed"})
    job_id = jobs.json()["jobs"][0]["jobID"]
    rows = pool.wait_for_log(run_of(stack, job_id), "no such zone")
    assert "Traceback" in rows[-1]["message"]
    assert rows[-1]["level"] == WARNING


def test_fault_8_a_flow_in_the_web_process_has_its_lines_once(
    stack: RunningStack, pool: Pool
) -> None:
    """Fault 8."""
    reply = stack.client.post("/processes/talking-here/execution", json={"inputs": {}})
    assert reply.status_code == 200, reply.text
    rows = pool.wait_for_log(run_of(stack, job_of(reply)), END)
    told = [row["message"] for row in rows if row["message"].startswith("talking")]
    assert told == ["talking to the log", "talking to the run's log", "talking to a screen"]
