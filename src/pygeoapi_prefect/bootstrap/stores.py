"""Buckets of the S3 store: made, kept short by lifecycle rules, closed to other keys, copied."""

import logging
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast
from urllib.parse import urlsplit

from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, Filter
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule

from pygeoapi_prefect.errors import ConfigurationError

LOGGER = logging.getLogger(__name__)
EXPIRY_RULE = "pygeoapi-results-expire"
SPOOL_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Endpoint:
    """Address and region of an S3 store, with the keys of one user."""

    url: str
    key: str
    secret: str
    region: str = "us-east-1"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Endpoint":
        """The store that the services use, from the variables that S3 clients know.

        Raises:
            ConfigurationError: A variable is missing.
        """
        try:
            return cls(
                environ["AWS_ENDPOINT_URL_S3"],
                environ["AWS_ACCESS_KEY_ID"],
                environ["AWS_SECRET_ACCESS_KEY"],
                environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            )
        except KeyError as error:
            raise ConfigurationError(f"the variable {error} is not set") from error

    @property
    def host(self) -> str:
        """Host and port.

        Raises:
            ConfigurationError: The address is none of a store.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ConfigurationError(f"{self.url!r} is not an address like http://host:9000")
        return parts.netloc

    @property
    def secure(self) -> bool:
        """True if connections are encrypted."""
        return urlsplit(self.url).scheme == "https"

    def client(self) -> Minio:
        """A client of the store."""
        return Minio(
            self.host,
            access_key=self.key,
            secret_key=self.secret,
            secure=self.secure,
            region=self.region,
        )


def ensure_buckets(client: Minio, buckets: Iterable[str]) -> None:
    """Make the buckets that are missing."""
    for bucket in buckets:
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)
            LOGGER.info("bucket %s created", bucket)


def set_expiry(client: Minio, bucket: str, days: int | None) -> None:
    """Let objects of a bucket expire after some days, or never; rules of others stay."""
    current = client.get_bucket_lifecycle(bucket)
    others = [rule for rule in (current.rules if current else []) if rule.rule_id != EXPIRY_RULE]
    if days:
        rule = Rule(
            ENABLED,
            rule_id=EXPIRY_RULE,
            rule_filter=Filter(prefix=""),
            expiration=Expiration(days=days),
        )
        client.set_bucket_lifecycle(bucket, LifecycleConfig([*others, rule]))
    elif current and others:
        client.set_bucket_lifecycle(bucket, LifecycleConfig(others))
    elif current:
        client.delete_bucket_lifecycle(bucket)


def ensure_account(root: Endpoint, key: str, secret: str, buckets: Iterable[str]) -> None:
    """Make or update the MinIO service account that may use these buckets and nothing else.

    Parameters:
        root: The store with the keys of its administrator.
        key: The account's access key.
        secret: Its secret key, which replaces the one it has.
        buckets: What it may use.
    """
    admin = MinioAdmin(
        endpoint=root.host,
        credentials=StaticProvider(root.key, root.secret),
        region=root.region,
        secure=root.secure,
    )
    try:
        admin.get_service_account(key)
    except MinioAdminException as error:
        if error._code != "404":
            raise
        admin.add_service_account(access_key=key, secret_key=secret, policy=policy(buckets))
        LOGGER.info("service account %s created", key)
    else:
        admin.update_service_account(access_key=key, secret_key=secret, policy=policy(buckets))


def policy(buckets: Iterable[str]) -> dict[str, Any]:
    """Access policy that allows to read, write, list and delete in these buckets only."""
    arns = [f"arn:aws:s3:::{bucket}" for bucket in buckets]
    objects = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
                "Resource": arns,
            },
            {"Effect": "Allow", "Action": objects, "Resource": [f"{arn}/*" for arn in arns]},
        ],
    }


def export(client: Minio, buckets: Mapping[str, str], target: IO[bytes]) -> int:
    """Write all objects as a tar stream, as ``<name>/<key>``; returns how many.

    Parameters:
        client: The store.
        buckets: The bucket of each name.
        target: Where to.
    """
    count = 0
    with tarfile.open(fileobj=target, mode="w|") as tar:
        for name, bucket in buckets.items():
            for item in client.list_objects(bucket, recursive=True):
                reply = client.get_object(bucket, str(item.object_name))
                try:
                    entry = tarfile.TarInfo(f"{name}/{item.object_name}")
                    entry.size = int(reply.headers["Content-Length"])
                    tar.addfile(entry, cast(IO[bytes], reply))
                finally:
                    reply.close()
                    reply.release_conn()
                count += 1
    return count


def restore(client: Minio, buckets: Mapping[str, str], source: IO[bytes]) -> int:
    """Put the objects of a tar stream back; returns how many.

    Parameters:
        client: The store.
        buckets: The bucket of each name.
        source: What ``export`` wrote.

    Raises:
        ConfigurationError: The stream is not what ``export`` writes.
    """
    count = 0
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for entry in tar:
                name, _, key = entry.name.partition("/")
                content = tar.extractfile(entry)
                if name not in buckets or not key or content is None:
                    raise ConfigurationError(
                        f"{entry.name!r} is in none of the buckets {', '.join(buckets)}"
                    )
                with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
                    shutil.copyfileobj(content, spool, SPOOL_BYTES)
                    spool.seek(0)
                    client.put_object(buckets[name], key, cast(BinaryIO, spool), entry.size)
                count += 1
    except tarfile.TarError as error:
        raise ConfigurationError(f"the input is not a backup of the buckets: {error}") from error
    return count
