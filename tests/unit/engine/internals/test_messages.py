"""The sentence about an exception, read back."""

import pytest
from prefect.states import format_exception

from pygeoapi_prefect.engine.internals import messages


@pytest.mark.parametrize("detail", ["", "no such band: 7", "two\nlines: of it"])
def test_what_prefect_writes_is_read_back(detail: str) -> None:
    message = f"Flow run encountered an exception: {format_exception(ValueError(detail))}"
    assert messages.exception_in(message) == ("ValueError", detail)


def test_the_module_of_the_class_is_left_out() -> None:
    message = "Flow run encountered an exception: package.module.Error: why"
    assert messages.exception_in(message) == ("Error", "why")


@pytest.mark.parametrize(
    "message", ["", "Cancelled by x", " Flow run encountered an exception: A: b"]
)
def test_other_messages_report_no_exception(message: str) -> None:
    assert messages.exception_in(message) is None
