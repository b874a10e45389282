"""A fork server of a test's own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pygeoapi_prefect.worker.forkserver.client import ForkServer


def with_server(program: str, action: Callable[[ForkServer], Awaitable[Any]], *modules: str) -> Any:
    """What an action returns that a started fork server of a program is handed to."""

    async def run() -> Any:
        server = ForkServer(program, modules)
        try:
            await server.start()
            return await action(server)
        finally:
            await server.stop()

    return asyncio.run(run())
