"""Failure of a process, as data of its run's last state: made where it fails, read by the web.

A documented error keeps its text, type and status on its way to the client. Of any other a client
learns only that the process failed: its text is for Prefect's log.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pygeoapi.process.base import ProcessorExecuteError

from pygeoapi_prefect import errors
from pygeoapi_prefect.engine.internals import messages
from pygeoapi_prefect.models.message import clean

MEMBER = "pygeoapi_failure"
"""Member of the state's data that describes the failure."""


def message(error: BaseException) -> str:
    """Message of the state that a failure leads to, for the operator."""
    return clean(f"{type(error).__name__}: {clean(error)}")


def as_data(error: BaseException) -> dict[str, Any]:
    """Encode a failure for a state's data.

    Args:
        error: The exception that ended the process.

    Returns:
        ``MEMBER`` with ``kind`` (class of the documented error), ``title``, ``detail``, ``status``
        (HTTP) and ``type`` (URI); empty for an error that is not documented.
    """
    documented = _documented(type(error).__name__, clean(error), type(error))
    if documented is None:
        return {}
    described = {
        "kind": type(documented).__name__,
        "title": documented.title,
        "detail": str(documented),
        "status": int(documented.status),
        "type": documented.type,
    }
    return {MEMBER: described}


def read(state_data: object, state_message: str) -> errors.StackError | None:
    """Read a failure from a run's last state.

    Args:
        state_data: Data of the state.
        state_message: Its message: all that a run on Prefect's own worker leaves.

    Returns:
        The documented error; None if it was another one.
    """
    told = state_data.get(MEMBER) if isinstance(state_data, Mapping) else None
    if not isinstance(told, Mapping):
        return _from_sentence(state_message)
    kind, detail = told.get("kind"), str(told.get("detail", ""))
    if kind in _DOCUMENTED and kind != errors.JobFailedError.__name__:
        return _DOCUMENTED[kind](detail)
    uri = told.get("type")
    return errors.JobFailedError(
        detail, status=_status(told.get("status")), type=uri if isinstance(uri, str) else None
    )


def _from_sentence(message: str) -> errors.StackError | None:
    """Fallback for Prefect's own worker, which reports an exception as a sentence only."""
    reported = messages.exception_in(message)
    return None if reported is None else _documented(*reported)


def _documented(
    name: str, detail: str, cls: type[BaseException] | None = None
) -> errors.StackError | None:
    """Make the documented error of an exception; None if it is not documented.

    Args:
        name: Name of the exception's class.
        detail: Its text.
        cls: The class, where it is known; otherwise it is one of the classes that are loaded here,
            as a name in a sentence imports nothing.
    """
    if name in _OF_THE_STORE:
        return errors.JobFailedError(detail)
    if name in _DOCUMENTED:
        return _DOCUMENTED[name](detail)
    if cls is None:
        loaded = (ProcessorExecuteError, *_descendants(ProcessorExecuteError))
        cls = next((one for one in loaded if one.__name__ == name), None)
    if cls is not None and issubclass(cls, ProcessorExecuteError):
        return _of_processor(cls, detail)
    return None


def _of_processor(cls: type[BaseException], detail: str) -> errors.JobFailedError:
    code = str(getattr(cls, "ogc_exception_code", "NoApplicableCode"))
    slug = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", code).lower()
    status = _status(getattr(cls, "http_status_code", 500))
    return errors.JobFailedError(detail, status=status, type=errors.OGC_EXCEPTIONS + slug)


def _status(value: object) -> int:
    return value if isinstance(value, int) and 400 <= value <= 599 else 500


def _descendants[T](cls: type[T]) -> Iterator[type[T]]:
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)


_OF_THE_STORE = (errors.StorageFull.__name__, errors.StorageUnavailable.__name__)
# Not the two base classes: pygeoapi has others of these names, with messages not for clients.
_DOCUMENTED: dict[str, type[errors.StackError]] = {
    cls.__name__: cls
    for base in (errors.JobError, errors.ProcessError)
    for cls in _descendants(base)
}
