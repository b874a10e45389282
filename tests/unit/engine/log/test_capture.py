"""Log of the run for the lines of threads of a web process."""

import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from pygeoapi_prefect.engine.log import capture
from pygeoapi_prefect.engine.log.runlog import RunLog


class Lines:
    """Keeps what a run's log gets."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, message: str, **_fields: Any) -> None:
        """Keep a line."""
        self.messages.append(message)


def say(message: str) -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, message, None, None)
    capture.Handler().handle(record)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    monkeypatch.setattr(capture, "install", lambda: None)  # which is for good
    return Lines()


def test_a_thread_of_a_run_logs_for_it_if_it_works_in_its_context(lines: Lines) -> None:
    """Fault 8: as docs/processes.md says; a pool that runs share belongs to none of them."""
    with ThreadPoolExecutor(1) as pool, capture.into(cast(RunLog, lines)):
        say("own")
        pool.submit(contextvars.copy_context().run, say, "of the pool").result(30)
        thread = threading.Thread(target=contextvars.copy_context().run, args=(say, "of a thread"))
        thread.start()
        thread.join(30)
        pool.submit(say, "without its context").result(30)
    say("later")
    assert lines.messages == ["own", "of the pool", "of a thread"]
