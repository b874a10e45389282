"""pygeoapi's own views call the manager without saying who asks."""

from collections.abc import Callable
from typing import Any

import pytest
from pygeoapi.process.base import ProcessorExecuteError

from pygeoapi_prefect.manager import PrefectManager

CALLS: list[Callable[[PrefectManager], object]] = [
    lambda manager: manager.get_jobs(),
    lambda manager: manager.get_job("1"),
    lambda manager: manager.get_job_result("1"),
    lambda manager: manager.delete_job("1"),
    lambda manager: manager.execute_process("hello", {}),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("access", [{"anonymous": "admin"}, {"keys": "/keys.json"}])
def test_with_access_they_get_no_job(
    call: Callable[[PrefectManager], object],
    access: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even where everybody may do everything, since a setting may be changed later."""
    monkeypatch.delenv("PYGEOAPI_CONFIG", raising=False)
    hello: dict[str, Any] = {"type": "process", "processor": {"name": "HelloWorld"}}
    definition = {"name": "x", "connection": "y", "processes": {"hello": hello}, "access": access}
    manager = PrefectManager(definition)
    monkeypatch.setattr(manager, "queries", None)
    monkeypatch.setattr(manager, "commands", None)
    with pytest.raises(ProcessorExecuteError, match="enforced only by"):
        call(manager)
