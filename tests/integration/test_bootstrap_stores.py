"""Buckets, expiry, and copies of buckets, on an S3 server."""

import io
import tarfile
import uuid

import pytest
from minio import Minio

from pygeoapi_prefect.bootstrap.stores import (
    EXPIRY_RULE,
    Endpoint,
    ensure_buckets,
    export,
    restore,
    set_expiry,
)
from pygeoapi_prefect.errors import ConfigurationError
from support import s3_server

CONTENTS = {"a.txt": b"small", "folder/empty": b"", "folder/large.bin": bytes(range(256)) * 30_000}


@pytest.fixture
def client() -> Minio:
    return Endpoint(s3_server.endpoint(), s3_server.KEY, s3_server.SECRET).client()


@pytest.fixture
def bucket(client: Minio) -> str:
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    ensure_buckets(client, [name])
    return name


def contents(client: Minio, bucket: str) -> dict[str, bytes]:
    found = {}
    for item in client.list_objects(bucket, recursive=True):
        reply = client.get_object(bucket, str(item.object_name))
        found[str(item.object_name)] = reply.read()
        reply.close()
        reply.release_conn()
    return found


def fill(client: Minio, bucket: str) -> None:
    for name, content in CONTENTS.items():
        client.put_object(bucket, name, io.BytesIO(content), len(content))


def test_buckets_are_made_once(client: Minio, bucket: str) -> None:
    fill(client, bucket)
    ensure_buckets(client, [bucket])
    assert contents(client, bucket) == CONTENTS


def test_expiry_is_set_changed_and_removed(client: Minio, bucket: str) -> None:
    set_expiry(client, bucket, None)
    for days in (30, 7):
        set_expiry(client, bucket, days)
        lifecycle = client.get_bucket_lifecycle(bucket)
        assert lifecycle is not None
        (rule,) = lifecycle.rules
        assert rule.rule_id == EXPIRY_RULE
        assert rule.expiration is not None
        assert rule.expiration.days == days
    set_expiry(client, bucket, None)
    assert client.get_bucket_lifecycle(bucket) is None


def test_what_is_exported_can_be_restored_into_other_buckets(client: Minio, bucket: str) -> None:
    fill(client, bucket)
    copy = io.BytesIO()
    assert export(client, {"results": bucket}, copy) == len(CONTENTS)
    other = f"other-{uuid.uuid4().hex[:8]}"
    ensure_buckets(client, [other])
    for _ in range(2):
        copy.seek(0)
        assert restore(client, {"results": other}, copy) == len(CONTENTS)
        assert contents(client, other) == CONTENTS


def test_what_is_no_copy_is_refused(client: Minio, bucket: str) -> None:
    with pytest.raises(ConfigurationError, match="not a backup"):
        restore(client, {"results": bucket}, io.BytesIO(b"no tar" * 1000))
    copy = io.BytesIO()
    with tarfile.open(fileobj=copy, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("elsewhere/file"))
    copy.seek(0)
    with pytest.raises(ConfigurationError, match="elsewhere/file"):
        restore(client, {"results": bucket}, copy)
    assert contents(client, bucket) == {}
