"""Requests with an ``Idempotency-Key``: a repetition finds the job of the first one.

The identifier of such a job is derived from its owner, its process and the key, so that the index
of names finds its run, and Prefect's own unique idempotency keys settle a race between web
processes. A label holds the fingerprint of the body, another says which request has made the run.
"""

import hashlib
import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pygeoapi_prefect.errors import KeyInUse, KeyReused

NAMESPACE = uuid.UUID("5c9d2a4e-4d0c-4f5b-8a63-0e1f9d8a7b21")
"""Of the identifiers of jobs that have a key; another one would forget all keys."""
FINGERPRINT_LABEL = "pygeoapi.fingerprint"
REQUEST_LABEL = "pygeoapi.request"


@dataclass(frozen=True)
class Keyed:
    """One request with a key.

    Attributes:
        job_id: Identifier of the job, the same for all repetitions.
        fingerprint: Hash of the body.
        request_id: Of this request alone.
    """

    job_id: str
    fingerprint: str
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the run that this request makes."""
        return {FINGERPRINT_LABEL: self.fingerprint, REQUEST_LABEL: self.request_id}

    def has_made(self, labels: Mapping[str, Any]) -> bool:
        """Return true if it is this request that has made the run with these labels."""
        return labels.get(REQUEST_LABEL) == self.request_id

    def check(self, labels: Mapping[str, Any]) -> None:
        """Check that the run with these labels was made by the same request, or a repetition.

        Raises:
            KeyReused: The body was another one.
        """
        if labels.get(FINGERPRINT_LABEL) != self.fingerprint:
            raise KeyReused(
                "The Idempotency-Key was used for a request with another body; use a new key"
            )


def keyed(owner: str, process_id: str, key: str, body: bytes) -> Keyed:
    """Identify a request.

    The body counts as it is, byte by byte: whoever repeats a request sends the same bytes. The
    header ``Prefer`` does not count, since it changes nothing about the job: a client that did not
    get an answer in time may ask for the job instead.

    Args:
        owner: Whose job it is.
        process_id: The process.
        key: The value of the header.
        body: The execute request.
    """
    name = json.dumps([owner, process_id, key])
    return Keyed(str(uuid.uuid5(NAMESPACE, name)), hashlib.sha256(body).hexdigest())


class InProgress:
    """The jobs whose first request this web process is working on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: set[str] = set()

    @contextmanager
    def only(self, job_id: str) -> Iterator[None]:
        """Keep repetitions out while a request is worked on.

        Raises:
            KeyInUse: Another one is being worked on.
        """
        with self._lock:
            if job_id in self._jobs:
                raise in_use()
            self._jobs.add(job_id)
        try:
            yield
        finally:
            with self._lock:
                self._jobs.discard(job_id)


def in_use() -> KeyInUse:
    """The error for a repetition that comes too early."""
    return KeyInUse(
        "The first request with this Idempotency-Key has no answer yet; try again later"
    )
