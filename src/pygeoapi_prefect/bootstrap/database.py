"""``python -m pygeoapi_prefect.bootstrap.database``: encrypts Prefect's blocks with another key.

Runs in the image of Prefect's server, which must be stopped: it reads the address of the database
and the new key from the server's own variables, and the old key from ``OLD_ENCRYPTION_KEY``.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from pygeoapi_prefect.errors import ConfigurationError

READ = text("SELECT id, data FROM block_document")
WRITE = text("UPDATE block_document SET data = CAST(:data AS json) WHERE id = :id")


def fernet(variable: str, environ: Mapping[str, str]) -> Fernet:
    """A key from the environment.

    Raises:
        ConfigurationError: It is not there, or is none.
    """
    try:
        return Fernet(environ[variable].encode())
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"{variable} is not 32 bytes in URL-safe base 64") from error


def encrypted_again(data: str, keys: MultiFernet) -> str:
    """Encrypt the content of a block with the first of the keys.

    Raises:
        ConfigurationError: It was encrypted with none of them.
    """
    try:
        return keys.rotate(data.encode()).decode()
    except InvalidToken as error:
        raise ConfigurationError(
            "a block is encrypted with neither the old key nor the new one"
        ) from error


async def rotate(url: str, keys: MultiFernet) -> int:
    """Encrypt all blocks with the first of the keys, or none if one cannot be; returns how many.

    Args:
        url: SQLAlchemy's address of Prefect's database.
        keys: The new key, then the old one.

    Raises:
        ConfigurationError: A block was encrypted with neither key.
    """
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            rows = (await connection.execute(READ)).all()
            for id_, data in rows:
                token = json.loads(data) if data.startswith('"') else data
                again = json.dumps(encrypted_again(token, keys))
                await connection.execute(WRITE, {"id": id_, "data": again})
            return len(rows)
    finally:
        await engine.dispose()


def main() -> None:
    """Read the environment, and encrypt."""
    try:
        new = fernet("PREFECT_SERVER_ENCRYPTION_KEY", os.environ)
        old = fernet("OLD_ENCRYPTION_KEY", os.environ)
        url = os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
        count = asyncio.run(rotate(url, MultiFernet([new, old])))
    except (ConfigurationError, SQLAlchemyError, OSError) as error:
        sys.exit(f"Nothing was encrypted with the new key: {error}")
    print(f"{count} blocks of Prefect are encrypted with the new key")  # noqa: T201


if __name__ == "__main__":
    main()
