"""Statements for the database of an embedded stack, as its superuser."""

from typing import Any

import asyncpg

from faults.components import Place
from pygeoapi_prefect.embedded.layout import Layout
from pygeoapi_prefect.embedded.postgres import SUPERUSER


async def execute(place: Place, *statements: str) -> None:
    """Execute statements, one transaction for each."""
    connection = await _connect(place)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def value(place: Place, query: str) -> Any:
    """The first value of the first row."""
    connection = await _connect(place)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def _connect(place: Place) -> Any:
    socket = Layout(place.stack.state).socket_dir
    return await asyncpg.connect(host=str(socket), user=SUPERUSER, database=SUPERUSER)
