"""Flows whose code a test writes and imports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import Flow

Load = Callable[[str], tuple[Flow[..., Any], type]]
"""Imports a module; the flow of its class ``Processor``, and the class."""


def write(root: Path, files: dict[str, str]) -> None:
    """Write files, by their paths below a folder."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
