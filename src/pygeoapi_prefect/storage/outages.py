"""Distinguishes an outage of a store from any other failure of it, and recognizes a full one."""

import errno

NOT_IMPLEMENTED = 501
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
NO_SPACE_CODES = ("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded")
INSUFFICIENT_STORAGE = 507


def has_no_space(error: BaseException | None) -> bool:
    """Return true if an error, or its cause, says that a disk, bucket or quota is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            return True
        answer = getattr(error, "response", None)  # botocore's ClientError
        if isinstance(answer, dict):
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
            code = answer.get("Error", {}).get("Code")
            return status == INSUFFICIENT_STORAGE or code in NO_SPACE_CODES
        error = error.__cause__
    return False


def is_outage(error: BaseException | None) -> bool:
    """Return true if a store cannot be reached, is too slow or fails, so that it may recover.

    A full store, rejected credentials and a missing bucket are no outages.

    Args:
        error: An exception of a file system; its causes count, too.
    """
    from aiohttp import ClientConnectionError, ClientPayloadError
    from botocore.exceptions import ConnectionError as Unconnected
    from botocore.exceptions import HTTPClientError
    from botocore.parsers import ResponseParserError

    unreachable = (
        *(ConnectionError, TimeoutError, Unconnected, HTTPClientError),
        *(ClientConnectionError, ClientPayloadError, ResponseParserError),
    )
    if has_no_space(error):
        return False
    while error is not None:
        if isinstance(error, unreachable):
            return True
        answer = getattr(error, "response", None)  # botocore's ClientError
        if isinstance(answer, dict):
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return bool(status >= 500 and status != NOT_IMPLEMENTED)
        error = error.__cause__
    return False
