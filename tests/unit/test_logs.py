"""Log lines as a handler writes them."""

import io
import logging

import pytest

from pygeoapi_prefect import logs

EVIL = "x\n2026 ERROR forged\x1b[31m\r\u2028\u202e\ud800\x00\x9b"
ESCAPED = r"x\n2026 ERROR forged\x1b[31m\r\u2028\u202e\ud800\x00\x9b"


@pytest.fixture
def logger() -> tuple[logging.Logger, io.StringIO]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.Logger("test_logs")  # pytest sees nothing of it: it cannot send a surrogate
    logger.addHandler(handler)
    logs.escape([logger])
    return logger, written


def test_a_message_is_one_printable_line(logger: tuple[logging.Logger, io.StringIO]) -> None:
    """Fault 36."""
    logger[0].error("GET %s: %s", EVIL, "Größe 温度\tand more")
    assert logger[1].getvalue() == f"ERROR GET {ESCAPED}: Größe 温度\tand more\n"


def test_lines_of_a_traceback_are_indented(logger: tuple[logging.Logger, io.StringIO]) -> None:
    """Fault 36: the exception's message comes from a client, too."""
    try:
        raise ValueError(EVIL)
    except ValueError:
        logger[0].exception("failed: 100 %")
    lines = logger[1].getvalue().split("\n")
    assert lines[0] == "ERROR failed: 100 %"
    assert lines.pop() == ""
    assert len(lines) > 4
    assert all(line.startswith(logs.INDENT) for line in lines[1:])
    assert "\x1b" not in "".join(lines)


def test_a_handler_is_wrapped_once(logger: tuple[logging.Logger, io.StringIO]) -> None:
    logs.escape([logger[0]])
    formatter = logger[0].handlers[0].formatter
    assert isinstance(formatter, logs.Printable)
    assert not isinstance(formatter.inner, logs.Printable)


def test_other_handlers_see_the_record_as_it_was(
    logger: tuple[logging.Logger, io.StringIO],
) -> None:
    seen: list[logging.LogRecord] = []
    other = logging.Handler()
    other.emit = seen.append  # type: ignore[method-assign,assignment]
    logger[0].addHandler(other)
    logger[0].error("%s", EVIL)
    logger[0].removeHandler(other)
    assert [record.getMessage() for record in seen] == [EVIL]
