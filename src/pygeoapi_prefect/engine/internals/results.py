"""The place and the envelope of a result that Prefect has stored; pure.

Needed because ``state.result()`` unpickles, and imports the classes that a file names. Prefect
stores ``{"__class__": ..., "data": {...}}`` (its JSON serializer) under the key that the state's
data names, and describes both nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JSON = "json"
"""Type of Prefect's JSON serializer."""


@dataclass(frozen=True)
class Stored:
    """Place of a result, as the state's data tells it; None for what it does not tell.

    Attributes:
        key: Path in the block.
        block: Identifier of the block document.
        serializer: Type of the serializer.
    """

    key: str | None
    block: str | None
    serializer: str | None


def stored(state_data: object) -> Stored:
    """Read the place of a result from a state's data; nothing is known of a state without any."""
    data = state_data if isinstance(state_data, Mapping) else {}
    serializer = data.get("serializer")
    kind = serializer.get("type") if isinstance(serializer, Mapping) else None
    return Stored(_text(data.get("storage_key")), _text(data.get("storage_block_id")), _text(kind))


def class_of(document: Any) -> str | None:
    """Path of the class whose instance a stored JSON document is; None if it is no instance."""
    is_instance = isinstance(document, dict) and "__class__" in document
    return str(document["__class__"]) if is_instance else None


def fields_of(document: Any) -> object:
    """The fields of the instance that a stored JSON document is; None if it is no instance."""
    return document.get("data") if class_of(document) is not None else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
