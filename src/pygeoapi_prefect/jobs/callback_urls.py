"""Callback URLs of a job, stored as labels of its flow run.

Labels come with every run that is read, and Prefect expands no template in them.
"""

from collections.abc import Mapping

from pygeoapi_prefect.engine.runs import Run

TAG = "pygeoapi-callback"
"""A job with this tag still owes a callback."""
LABEL_PREFIX = "pygeoapi.subscriber."
MEMBERS = {
    "running": "inProgressUri",
    "successful": "successUri",
    "failed": "failedUri",
    "dismissed": "failedUri",
}
"""Members of ``subscriber.yaml`` by the status that they are notified of."""


def labels(subscriber: Mapping[str, str]) -> dict[str, str]:
    """The labels of a run for the ``subscriber`` of its execute request."""
    return {LABEL_PREFIX + member: url for member, url in subscriber.items()}


def url(run: Run, status: str) -> str | None:
    """Callback URL for a status of a job; None if nobody subscribed to it."""
    member = MEMBERS.get(status)
    told = run.labels.get(LABEL_PREFIX + member) if member else None
    return told if isinstance(told, str) else None
