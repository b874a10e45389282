"""The location and the envelope of a result that Prefect has stored; pure.

Needed because ``state.result()`` unpickles, and imports the classes that a file names. Prefect
stores ``{"__class__": ..., "data": {...}}`` (its JSON serializer) under the key that the state's
data contains, and documents neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JSON = "json"
"""Type of Prefect's JSON serializer."""


@dataclass(frozen=True)
class Stored:
    """Location of a result, from the state's data; None for each part that is not in the data.

    Attributes:
        key: Path in the block.
        block: Identifier of the block document.
        serializer: Type of the serializer.
    """

    key: str | None
    block: str | None
    serializer: str | None


def stored(state_data: object) -> Stored:
    """Read the location of a result from a state's data; all parts are None if there is no data."""
    data = state_data if isinstance(state_data, Mapping) else {}
    serializer = data.get("serializer")
    kind = serializer.get("type") if isinstance(serializer, Mapping) else None
    return Stored(_text(data.get("storage_key")), _text(data.get("storage_block_id")), _text(kind))


def class_of(document: Any) -> str | None:
    """Path of the class of a stored JSON document; None if it is not an instance of a class."""
    is_instance = isinstance(document, dict) and "__class__" in document
    return str(document["__class__"]) if is_instance else None


def fields_of(document: Any) -> object:
    """Fields of a stored JSON document; None if it is not an instance of a class."""
    return document.get("data") if class_of(document) is not None else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
