"""Replaces the two methods of Prefect that choose the paths of results.

Needed because Prefect puts all results of flows and tasks at the root of a block, where nobody can
tell which job they belong to. It has no setting for a folder.
"""

import functools
from collections.abc import Callable
from typing import Any

from prefect.results import ResultStore
from prefect.task_engine import BaseTaskRunEngine

__all__ = ["BaseTaskRunEngine", "Replacement", "ResultStore", "install"]

type Replacement = tuple[type, str, Callable[..., Any]]
"""A class, the name of its method, and a function whose first argument is the original method."""


def install(replacements: tuple[Replacement, ...]) -> None:
    """Replace methods permanently."""
    for cls, name, replacement in replacements:
        original = getattr(cls, name)
        bound = functools.wraps(original)(_bound(replacement, original))
        setattr(cls, name, bound)


def _bound(replacement: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    def method(*args: Any, **how: Any) -> Any:
        return replacement(original, *args, **how)

    return method
