"""Exceptions of the library, with the status, type and message for clients.

The tree (status, last part of the OGC type URI)::

    StackError                        500  about:blank
    +- JobError
    |  +- MissingJobParameterError    400  missing-parameter-value
    |  +- InvalidJobParameterError    400  invalid-parameter-value
    |  +- JobNotFoundError            404  no-such-job
    |  +- JobNotReadyError            404  result-not-ready
    |  +- OutputNotFound              404  no-such-output
    |  +- JobDismissedError           410  job-dismissed
    |  +- JobFailedError              500  job-failed
    |  |  +- JobEndedError            500  job-ended
    |  |  +- JobLostError             500  job-lost
    |  +- SyncTimeout                 504  timeout
    +- ProcessError
    |  +- UnknownProcessError         404  no-such-process
    |  +- ProcessUnavailable          503
    +- NotAuthenticated               401
    +- AmbiguousCredentials           400
    +- Forbidden                      403
    +- KeyInUse                       409
    +- KeyReused                      422
    +- RequestTooLarge                413  request-too-large
    +- TooBusy                   503
    +- TooManyJobs               429
    +- TooManyRequests           429
    +- UnsupportedMediaType           415  unsupported-media-type
    +- NotSupported                   501  not-supported
    +- ConfigurationError             500
    |  +- BlockNotFound               500
    |  +- DeploymentNotFound          500
    +- EngineUnavailable              503
    +- StorageUnavailable             503
       +- StorageFull                 503

``JobError``, ``ProcessError`` and their first five and one children are also importable from
``pygeoapi.process.exceptions``, the name that flows of the 2023 design use.
``str(error)`` is public: it is sent to the client as the problem's ``detail``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

OGC_EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
"""Namespace of the exception types of OGC API - Processes - Part 1 (18-062r2, table 9)."""
CHALLENGE = 'Bearer realm="pygeoapi"'
"""Challenge of ``WWW-Authenticate`` (RFC 6750, section 3)."""


@dataclass(frozen=True)
class InputError:
    """One error in the inputs of an execute request, as reported to the client.

    Attributes:
        input: Identifier of the input.
        pointer: Its place in the request: a JSON pointer (RFC 6901).
        detail: The expected value, in a short sentence.
    """

    input: str
    pointer: str
    detail: str


@dataclass(frozen=True)
class Quota:
    """A bound that a request met, for the headers ``RateLimit`` and ``RateLimit-Policy``.

    Attributes:
        name: What is bounded.
        size: The bound.
    """

    name: str
    size: int


class StackError(Exception):
    """Base of every error that the library raises on purpose.

    ``status`` is the HTTP status, ``type`` the problem's type URI (RFC 7807), ``title`` its title.
    ``retry_after`` is the number of seconds to wait before a retry, ``quota`` the used up bound.
    ``challenge`` is the value of the header ``WWW-Authenticate`` (RFC 9110, 11.6.1).
    """

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    type: str = "about:blank"
    title: str = "Internal server error"
    retry_after: int | None = None
    quota: Quota | None = None
    challenge: str | None = None
    errors: tuple[InputError, ...] = ()


class JobError(StackError):
    """Failure of a job, or of a request for one.

    Args:
        detail: Message for the client.
        errors: The invalid inputs, if these are the reason.
    """

    title = "Job error"

    def __init__(self, detail: str = "", errors: Sequence[InputError] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class MissingJobParameterError(JobError):
    """A required input or member of the execute request is absent."""

    status = HTTPStatus.BAD_REQUEST
    type = OGC_EXCEPTIONS + "missing-parameter-value"
    title = "Missing parameter value"


class InvalidJobParameterError(JobError):
    """An input or member of the execute request is invalid."""

    status = HTTPStatus.BAD_REQUEST
    type = OGC_EXCEPTIONS + "invalid-parameter-value"
    title = "Invalid parameter value"


class JobNotFoundError(JobError):
    """No job has this identifier (requirement /req/core/job-exception-no-such-job)."""

    status = HTTPStatus.NOT_FOUND
    type = OGC_EXCEPTIONS + "no-such-job"
    title = "No such job"


class JobNotReadyError(JobError):
    """The job has no results yet (/req/core/job-results-exception/results-not-ready)."""

    status = HTTPStatus.NOT_FOUND
    type = OGC_EXCEPTIONS + "result-not-ready"
    title = "Result not ready"


class OutputNotFound(JobError):
    """The job has no such output, or its file no longer exists in the store."""

    status = HTTPStatus.NOT_FOUND
    type = OGC_EXCEPTIONS + "no-such-output"
    title = "No such output"


class JobDismissedError(JobError):
    """The job was dismissed; it will never have results."""

    status = HTTPStatus.GONE
    type = OGC_EXCEPTIONS + "job-dismissed"
    title = "Job dismissed"


class JobFailedError(JobError):
    """The process failed; the message is the one that the process has for clients.

    Args:
        detail: Message for the client.
        status: HTTP status for the reason.
        type: Type URI for the reason.
    """

    type = OGC_EXCEPTIONS + "job-failed"
    title = "Job failed"

    def __init__(self, detail: str = "", *, status: int | None = None, type: str | None = None):
        super().__init__(detail)
        if status is not None:
            self.status = status
        if type is not None:
            self.type = type


class JobEndedError(JobFailedError):
    """The process was ended: by a signal, its memory limit or its time limit."""

    type = OGC_EXCEPTIONS + "job-ended"
    title = "Process ended"


class JobLostError(JobFailedError):
    """The server lost the job; the process is not to blame, and the request may be sent again."""

    type = OGC_EXCEPTIONS + "job-lost"
    title = "Job lost"


class SyncTimeout(JobError):
    """A synchronous execution took longer than the server waits; its job was cancelled."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    type = OGC_EXCEPTIONS + "timeout"
    title = "The process took too long"


class ProcessError(StackError):
    """Failure of a process."""

    title = "Process error"


class UnknownProcessError(ProcessError):
    """No process has this identifier (/req/core/process-exception/no-such-process)."""

    status = HTTPStatus.NOT_FOUND
    type = OGC_EXCEPTIONS + "no-such-process"
    title = "No such process"


class ProcessUnavailable(ProcessError):
    """The process is configured but cannot be loaded; an operator must fix it."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "The process is not available"
    retry_after = 60  # it takes a deployment


class NotAuthenticated(StackError):
    """The request has no credentials, or some that are not valid.

    Args:
        detail: Message for the client.
        code: Error code of RFC 6750, section 3.1; empty if the request has no credentials.
    """

    status = HTTPStatus.UNAUTHORIZED
    title = "Authentication required"

    def __init__(self, detail: str, code: str = "") -> None:
        super().__init__(detail)
        self.challenge = f'{CHALLENGE}, error="{code}"' if code else CHALLENGE


class AmbiguousCredentials(StackError):
    """The request has credentials in more than one place."""

    status = HTTPStatus.BAD_REQUEST
    title = "Ambiguous credentials"
    challenge = f'{CHALLENGE}, error="invalid_request"'


class Forbidden(StackError):
    """The credentials are valid, but their roles do not allow the request.

    Args:
        detail: Message for the client.
        scope: The role that does.
    """

    status = HTTPStatus.FORBIDDEN
    title = "Not allowed"

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail)
        self.challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'


class KeyInUse(StackError):
    """The first request with this ``Idempotency-Key`` is still being processed."""

    status = HTTPStatus.CONFLICT
    title = "A request with this Idempotency-Key is being processed"
    retry_after = 1


class KeyReused(StackError):
    """This ``Idempotency-Key`` was used for another request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "The Idempotency-Key is already used"


class RequestTooLarge(StackError):
    """The request body is larger than the server accepts."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    type = OGC_EXCEPTIONS + "request-too-large"
    title = "Request too large"


class TooBusy(StackError):
    """The server does as much at a time as it may; the request may be sent again.

    Args:
        detail: Message for the client.
        quota: The bound, if it is one of the configuration.
    """

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "The server is busy"
    retry_after = 5

    def __init__(self, detail: str = "", quota: Quota | None = None) -> None:
        super().__init__(detail)
        self.quota = quota


class TooManyJobs(StackError):
    """As many jobs of one client wait as may; another may be sent when one has begun.

    Args:
        detail: Message for the client.
        quota: The bound.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS
    title = "Too many jobs"
    retry_after = 10

    def __init__(self, detail: str = "", quota: Quota | None = None) -> None:
        super().__init__(detail)
        self.quota = quota


class TooManyRequests(StackError):
    """A client has sent more requests than it may in a time (RFC 6585, section 4).

    Args:
        detail: Message for the client.
        retry_after: Seconds until the next request is answered.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS
    title = "Too many requests"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class UnsupportedMediaType(StackError):
    """The request body is not JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    type = OGC_EXCEPTIONS + "unsupported-media-type"
    title = "Unsupported media type"


class NotSupported(StackError):
    """The request is valid, but this server does not support the feature."""

    status = HTTPStatus.NOT_IMPLEMENTED
    type = OGC_EXCEPTIONS + "not-supported"
    title = "Not supported"


class ConfigurationError(StackError):
    """The configuration, a block or a deployment is invalid; an operator must fix it."""

    title = "The server is not configured correctly"


class BlockNotFound(ConfigurationError):
    """A Prefect block that the configuration names does not exist."""


class DeploymentNotFound(ConfigurationError):
    """A process has not been deployed yet, or its deployment was deleted."""


class EngineUnavailable(StackError):
    """Prefect's API cannot be reached or answers with a server error."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "The job engine is not available"
    retry_after = 5


class StorageUnavailable(StackError):
    """The store behind a block cannot be reached or refuses access."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "The result store is not available"
    retry_after = 10


class StorageFull(StorageUnavailable):
    """The store behind a block has no space left, or its quota is used up."""

    title = "The result store is full"
