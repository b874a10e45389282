"""``python -m pygeoapi_prefect.bootstrap [export|import]``; see the room's README."""

import logging
import os
import sys
from collections.abc import Mapping
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
from pygeoapi_prefect.errors import ConfigurationError, StackError

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


def buckets_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The buckets of the stack by what they hold."""
    return {
        "code": environ.get("CODE_BUCKET") or "pygeoapi-flows",
        "results": environ.get("RESULT_BUCKET") or "pygeoapi-results",
    }


def days_of(environ: Mapping[str, str]) -> int | None:
    """After how many days outputs expire; None keeps them.

    Raises:
        ConfigurationError: It is not a positive number.
    """
    text = environ.get("RESULT_DAYS") or ""
    if not text:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise ConfigurationError(f"RESULT_DAYS is {text!r}: it must be a number of days, or empty")
    return int(text)


def prepare_store(environ: Mapping[str, str]) -> None:
    """Make buckets, expiry and, where the store is the stack's own MinIO, the services' key.

    Raises:
        ConfigurationError: A variable is missing or wrong.
    """
    services = Endpoint.from_env(environ)
    buckets = buckets_of(environ)
    owner = services
    if services.url == environ.get("MINIO_URL"):
        root = Endpoint(
            services.url,
            environ["MINIO_ROOT_USER"],
            environ["MINIO_ROOT_PASSWORD"],
            services.region,
        )
        owner = root
    client = owner.client()
    ensure_buckets(client, buckets.values())
    if owner is not services:
        ensure_account(owner, services.key, services.secret, buckets.values())
    if owner is not services or days_of(environ):  # another's rules are not ours to remove
        set_expiry(client, buckets["results"], days_of(environ))


def prepare_prefect(environ: Mapping[str, str]) -> None:
    """Make blocks, pool, queue and all deployments.

    A process that cannot be deployed is logged as an error: the others are served without it.

    Raises:
        StackError: The configuration is invalid, or Prefect rejects a request.
    """
    from pygeoapi_prefect import storage
    from pygeoapi_prefect.deploy.every import deploy_every
    from pygeoapi_prefect.engine.pools import ensure_queue
    from pygeoapi_prefect.process.registry import Registry

    registry = Registry(Settings.from_config(load_config(Path(environ["PYGEOAPI_CONFIG"]))))
    ensure_queue(POOL, QUEUE)
    buckets = buckets_of(environ)
    for name, content, folder in BLOCKS:
        storage.save_remote_block(name, f"s3://{buckets[content]}{folder}", {})
    deploy_every(registry)


def run(command: str) -> None:
    """Run one command.

    Raises:
        StackError: It cannot be done; says what to change.
    """
    if command == "":
        prepare_store(os.environ)
        prepare_prefect(os.environ)
        return
    client, buckets = Endpoint.from_env().client(), buckets_of(os.environ)
    if command == "export":
        count = export(client, buckets, sys.stdout.buffer)
    elif command == "import":
        count = restore(client, buckets, sys.stdin.buffer)
    else:
        raise ConfigurationError(f"unknown command {command!r}: use export, import or no command")
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
