"""Fetches an input by reference into a file, for a flow.

The web process resolves references to this server's own outputs when it accepts a request, under
the rules for that request. What it found is kept in labels of the flow run: clients cannot write
them, and Prefect expands no template in them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from prefect.runtime import flow_run

from pygeoapi_prefect import outgoing, storage
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.environment import OutgoingSettings
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.media_types import essence
from pygeoapi_prefect.models.message import clean

LABEL_PREFIX = "pygeoapi.reference."


@dataclass(frozen=True)
class OwnOutput:
    """An output of this server's jobs that an input refers to.

    Attributes:
        key: Digest of the reference as the client wrote it, which may be long.
        block: Block that the output is in, as ``<block type slug>/<block name>``.
        location: Where it is in the block.
        media_type: Its media type.
    """

    key: str
    block: str
    location: str
    media_type: str

    @classmethod
    def of(cls, href: str, block: str, location: str, media_type: str) -> Self:
        """The output that a reference leads to."""
        return cls(_key(href), block, location, media_type)


def _key(href: str) -> str:
    return hashlib.sha256(href.encode()).hexdigest()


def labels(found: Iterable[OwnOutput]) -> dict[str, str]:
    """The labels of a flow run whose inputs refer to these outputs."""
    told = {(own.key, own.block, own.location, own.media_type) for own in found}
    return {f"{LABEL_PREFIX}{n}": json.dumps(parts) for n, parts in enumerate(sorted(told))}


def labelled(run_labels: Mapping[str, object]) -> dict[str, OwnOutput]:
    """The outputs that labels of a flow run tell of, by their keys."""
    texts = [text for name, text in run_labels.items() if name.startswith(LABEL_PREFIX)]
    found = [OwnOutput(*json.loads(str(text))) for text in texts]
    return {own.key: own for own in found}


def download(href: str, target: Path, *, max_bytes: int | None = None) -> str:
    """Write what an input by reference leads to into a file, in pieces; for flows.

    An output of this server's own jobs comes from its block, without an HTTP request; anything else
    is downloaded as ``outgoing.download`` does it.

    Args:
        href: The reference, as the flow got it (``Link.href``).
        target: File to write.
        max_bytes: Largest size; ``OUTGOING_MAX_BYTES`` by default.

    Returns:
        The media type, without parameters.

    Raises:
        InvalidJobParameterError: It cannot be had or is too large; names the reference.
        OutputNotFound: The output was removed meanwhile.
        StorageUnavailable: Its block cannot be reached.
        EngineUnavailable: Prefect, which knows the output, cannot be reached.
    """
    own = _own(href)
    if own is None:
        return outgoing.download(href, target, max_bytes=max_bytes)
    most = max_bytes or OutgoingSettings.from_env().max_bytes
    store = storage.open_store(own.block)
    if store.size(own.location) > most:
        raise InvalidJobParameterError(f"{clean(href)} is larger than {most} bytes")
    with target.open("wb") as file:
        for piece in store.chunks(own.location):
            file.write(piece)
    return essence(own.media_type)


def _own(href: str) -> OwnOutput | None:
    """The output of this server that the running job's request refers to by that address."""
    run_id = flow_run.get_id()
    if run_id is None or "/results/" not in href:
        return None
    return labelled(runs.read(run_id).labels).get(_key(href))
