"""Functions of both kinds are wrapped alike."""

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pygeoapi_prefect.process.wrapping import wrapped

events: list[str] = []


@contextmanager
def noted() -> Iterator[None]:
    events.append("enter")
    try:
        yield
    except LookupError as error:
        raise RuntimeError("explained") from error
    finally:
        events.append("exit")


def then(result: Any) -> str:
    events.append("then")
    return f"{result}!"


def plain(name: str, *, fails: type[Exception] | None = None) -> str:
    """Greet."""
    if fails is not None:
        raise fails(name)
    return f"Hello {name}"


async def coroutine(name: str, *, fails: type[Exception] | None = None) -> str:
    """Greet."""
    return plain(name, fails=fails)


@pytest.fixture(params=[plain, coroutine])
def function(request: pytest.FixtureRequest) -> Any:
    events.clear()
    return request.param


def call(function: Any, *args: Any, **how: Any) -> Any:
    made = wrapped(function, noted, then)
    assert inspect.iscoroutinefunction(made) == inspect.iscoroutinefunction(function)
    assert inspect.signature(made) == inspect.signature(function)
    assert (made.__name__, made.__doc__) == (function.__name__, "Greet.")
    result = made(*args, **how)
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def test_the_result_is_replaced_within_the_context(function: Any) -> None:
    assert call(function, "Ann") == "Hello Ann!"
    assert events == ["enter", "then", "exit"]


@pytest.mark.parametrize("fails", [ValueError, StopIteration, MemoryError])
def test_an_error_passes_through(function: Any, fails: type[Exception]) -> None:
    if function is coroutine and fails is StopIteration:
        pytest.skip("no coroutine can raise it")
    with pytest.raises(fails, match="Ann"):
        call(function, "Ann", fails=fails)
    assert events == ["enter", "exit"]


def test_the_context_may_raise_another_error(function: Any) -> None:
    with pytest.raises(RuntimeError, match="explained") as raised:
        call(function, "Ann", fails=KeyError)
    assert isinstance(raised.value.__cause__, KeyError)
