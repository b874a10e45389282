"""Makes a block from a document that has already been read, and identifies a loaded block.

Needed because ``Block.load`` asks Prefect's API for the document each time.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockDocument


def identifier_of(block: object) -> UUID | None:
    """Prefect's identifier of a loaded block; None if it was never saved."""
    found: UUID | None = getattr(block, "_block_document_id", None)
    return found


def name_of(block: object) -> str | None:
    """Name of a loaded block, without its type; None if it was never saved."""
    found: str | None = getattr(block, "_block_document_name", None)
    return found


def block_of(document: Mapping[str, Any]) -> Any:
    """Make a block from its document.

    Args:
        document: The block document, as Prefect's API shows it, with its type and schema.

    Raises:
        prefect.exceptions.UnknownBlockType: No installed class is of this type.
        pydantic.ValidationError: The document or its data is invalid.
    """
    return Block._from_block_document(BlockDocument.model_validate(document))
