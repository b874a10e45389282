"""``python -m pygeoapi_prefect.bootstrap [COMMAND]``; see the room's README for the commands."""

import logging
import os
import sys
from pathlib import Path

from minio.error import MinioAdminException, MinioException
from urllib3.exceptions import HTTPError

from pygeoapi_prefect.bootstrap.stores import (
    Endpoint,
    ensure_account,
    ensure_buckets,
    export,
    restore,
    set_expiry,
)
from pygeoapi_prefect.config import Settings, load_config
from pygeoapi_prefect.environment import BucketSettings, ExpirySettings
from pygeoapi_prefect.errors import ConfigurationError, EngineUnavailable, StackError

LOGGER = logging.getLogger("pygeoapi_prefect.bootstrap")
POOL = QUEUE = "pygeoapi"
# Name of each block, the bucket it lies in, and its folder there. The last two are those of the
# samples on the *Processes* page of pygeoapi-prefect.
BLOCKS = (
    ("pygeoapi-flows", "code", ""),
    ("pygeoapi-results", "results", ""),
    ("test-sb1", "code", "/test-sb1"),
    ("test-sb1-results", "results", "/test-sb1"),
)
WRONG_KEY = (
    "probably PREFECT_ENCRYPTION_KEY in .env is not the key that its blocks are encrypted with. "
    "Put the old key back; scripts/rotate PREFECT_ENCRYPTION_KEY replaces it"
)


def buckets() -> dict[str, str]:
    """The buckets of the stack by what they hold."""
    return BucketSettings.from_env().model_dump()


def prepare_store() -> None:
    """Make buckets, expiry and, where the store is the stack's own MinIO, the services' key.

    Raises:
        ConfigurationError: A variable is missing or wrong.
    """
    services, names = Endpoint.from_env(), buckets()
    days = ExpirySettings.from_env().result_days
    owner = services
    if services.url == os.environ.get("MINIO_URL"):
        root = Endpoint(
            services.url,
            os.environ["MINIO_ROOT_USER"],
            os.environ["MINIO_ROOT_PASSWORD"],
            services.region,
        )
        owner = root
    client = owner.client()
    ensure_buckets(client, names.values())
    if owner is not services:
        ensure_account(owner, services.key, services.secret, names.values())
    if owner is not services or days:  # another's rules are not ours to remove
        set_expiry(client, names["results"], days)


def prepare_prefect() -> None:
    """Make blocks, pool, queue and all deployments.

    A process that cannot be deployed is logged as an error: the others are served without it.

    Raises:
        StackError: The configuration is invalid, or Prefect rejects a request.
    """
    from pygeoapi_prefect.bootstrap import draining
    from pygeoapi_prefect.deploy.every import deploy_every
    from pygeoapi_prefect.engine.pools import ensure_queue
    from pygeoapi_prefect.process.registry import Registry

    registry = Registry(Settings.from_config(load_config(Path(os.environ["PYGEOAPI_CONFIG"]))))
    ensure_queue(POOL, QUEUE)
    save_blocks()
    deploy_every(registry)
    draining.resume(POOL)


def save_blocks() -> None:
    """Make or overwrite the blocks of the two buckets.

    Raises:
        ConfigurationError: Prefect cannot read the blocks that are there.
        EngineUnavailable: Prefect does not answer.
    """
    from pygeoapi_prefect import storage
    from pygeoapi_prefect.engine import client

    names = buckets()
    try:
        for name, content, folder in BLOCKS:
            storage.save_remote_block(name, f"s3://{names[content]}{folder}", {})
    except EngineUnavailable as error:
        client.check()  # otherwise it is an outage
        raise ConfigurationError(f"{error} although it is ready: {WRONG_KEY}") from error


def drain_or_resume(command: str, seconds: str) -> None:
    """Run the commands ``drain [SECONDS]`` and ``resume [SECONDS]``.

    Raises:
        ConfigurationError: The number is none.
        StackError: Prefect does not answer, or jobs are left after these seconds.
    """
    from pygeoapi_prefect.bootstrap import draining

    if seconds and not seconds.isdecimal():
        raise ConfigurationError(f"{seconds!r} is not a number of seconds")
    if command == "resume":
        draining.resume(POOL, float(seconds or 0))
    elif not draining.drain(POOL, float(seconds) if seconds else None):
        raise StackError("Jobs are left; workers claim no more until scripts/resume")


def run(command: str) -> None:
    """Run one command.

    Raises:
        StackError: It cannot be done; says what to change.
    """
    if command == "":
        prepare_store()
        prepare_prefect()
        return
    name, _, argument = command.partition(" ")
    if name in ("drain", "resume"):
        drain_or_resume(name, argument)
        return
    client, names = Endpoint.from_env().client(), buckets()
    if command == "export":
        count = export(client, names, sys.stdout.buffer)
    elif command == "import":
        count = restore(client, names, sys.stdin.buffer)
    else:
        raise ConfigurationError(
            f"unknown command {command!r}: use export, import, drain, resume or none"
        )
    LOGGER.info("%s: %d objects", command, count)


def main() -> None:
    """Run the command line given in ``sys.argv``."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("pygeoapi_prefect").setLevel(logging.INFO)
    try:
        run(" ".join(sys.argv[1:]))
    except (StackError, MinioException, MinioAdminException, HTTPError) as error:
        LOGGER.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
