"""Sends calls to Prefect's API from a worker's event loop; ``client`` does so from threads."""

from collections.abc import Callable
from typing import Any, cast

import httpx
from prefect.client.orchestration import PrefectClient

from pygeoapi_prefect.engine.client import answered_by_prefect
from pygeoapi_prefect.engine.errors import translate_errors
from pygeoapi_prefect.engine.routes import Call


async def send(
    client: PrefectClient,
    call: Call,
    on_answer: Callable[[httpx.Response], object] = lambda _: None,
) -> Any:
    """Send a request to Prefect's API; answers and errors are those of ``client.send``.

    Args:
        client: The worker's own client, which retries as Prefect's settings say.
        call: The request.
        on_answer: Called with the answer, unless it is an error.
    """
    with answered_by_prefect(call), translate_errors():
        # Prefect types the path as one of its templates; ours is a template with values filled in.
        path = cast(Any, call.path)
        response = await client.request(
            call.method, path, json=call.body, params=dict(call.query) or None
        )
        on_answer(response)
        return response.json() if response.content else None
