"""Code that tests of deploying write and import."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow

from support.flow_code import Load


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import a process from ``tmp_path``, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def load(module: str) -> tuple[Flow[..., Any], type]:
        importlib.invalidate_caches()
        processor = importlib.import_module(module).Processor
        return processor.process_flow, processor

    yield load
    for name in set(sys.modules) - before:
        del sys.modules[name]
