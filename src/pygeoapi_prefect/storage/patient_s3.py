"""S3 for the outputs of jobs: repeats its requests during an outage of the store.

A job of hours is worth a minute of patience at its end. The web process has none: its clients wait.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any, override

import s3fs
from fsspec.asyn import sync_wrapper

from pygeoapi_prefect.storage.outages import is_outage

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 1.0
CLEANING = "abort_multipart_upload"
COMPLETION = "complete_multipart_upload"


class PatientS3FileSystem(s3fs.S3FileSystem):  # type: ignore[misc]
    """A file system that repeats a request until the store answers, for a minute.

    Only an outage is waited for. A store that has just come back may deny access until it has read
    its accounts, so this is repeated after an outage, and only then. What is raised in the end is
    the outage.

    The last request of an upload in parts cannot be repeated once the store has done it: its answer
    was lost then, perhaps already for the S3 client, which repeats requests, too.
    """

    @override
    async def _call_s3(self, method: str, *akwarglist: Any, **kwargs: Any) -> Any:
        until = time.monotonic() + (0.0 if method == CLEANING else PATIENCE_SECONDS)
        outage: Exception | None = None
        while True:
            try:
                return await super()._call_s3(method, *akwarglist, **kwargs)
            except Exception as error:
                if method == COMPLETION and isinstance(error, FileNotFoundError):
                    return await self._completed(error, **kwargs)
                if is_outage(error):
                    outage = error
                elif outage is None or not isinstance(error, PermissionError):
                    raise
                if time.monotonic() > until:
                    raise outage from None
            await asyncio.sleep(PAUSE_SECONDS)

    async def _completed(
        self,
        error: Exception,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        MultipartUpload: Mapping[str, Any],  # noqa: N803
        **_: Any,
    ) -> Any:
        """Read the head of the object that an upload, which the store does not know, has made.

        Raises:
            Exception: ``error``, if the object is not made of these parts.
        """
        try:
            head = await self._call_s3("head_object", Bucket=Bucket, Key=Key)
        except FileNotFoundError:
            raise error from None
        if head["ETag"].strip('"') != tag_of(part["ETag"] for part in MultipartUpload["Parts"]):
            raise error
        return head

    call_s3 = sync_wrapper(_call_s3)


def tag_of(parts: Iterable[str]) -> str:
    """The entity tag of an object that was uploaded in parts, as S3 servers make it.

    An object that is encrypted with a key of the user's may have another one.

    Args:
        parts: Entity tags of the parts: their MD5 sums, in quotation marks or without.
    """
    sums = [bytes.fromhex(part.strip('"')) for part in parts]
    digest = hashlib.md5(b"".join(sums), usedforsecurity=False)
    return f"{digest.hexdigest()}-{len(sums)}"
