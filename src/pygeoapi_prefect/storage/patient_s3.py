"""S3 for the outputs of jobs: repeats its requests during an outage of the store.

A job of hours is worth a minute of patience at its end. The web process has none: its clients wait.
"""

import asyncio
import time
from typing import Any, override

import s3fs
from fsspec.asyn import sync_wrapper

from pygeoapi_prefect.storage.outages import is_outage

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 1.0
CLEANING = "abort_multipart_upload"


class PatientS3FileSystem(s3fs.S3FileSystem):  # type: ignore[misc]
    """A file system that repeats a request until the store answers, for a minute.

    Only an outage is waited for. A store that has just come back may deny access until it has read
    its accounts, so this is repeated after an outage, and only then. What is raised in the end is
    the outage.
    """

    @override
    async def _call_s3(self, method: str, *akwarglist: Any, **kwargs: Any) -> Any:
        until = time.monotonic() + (0.0 if method == CLEANING else PATIENCE_SECONDS)
        outage: Exception | None = None
        while True:
            try:
                return await super()._call_s3(method, *akwarglist, **kwargs)
            except Exception as error:
                if is_outage(error):
                    outage = error
                elif outage is None or not isinstance(error, PermissionError):
                    raise
                if time.monotonic() > until:
                    raise outage from None
            await asyncio.sleep(PAUSE_SECONDS)

    call_s3 = sync_wrapper(_call_s3)
