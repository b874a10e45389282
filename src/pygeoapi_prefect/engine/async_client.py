"""Sends calls to Prefect's API from a worker's event loop; ``client`` does so from threads."""

from typing import Any, cast

from prefect.client.orchestration import PrefectClient

from pygeoapi_prefect.engine.client import answered_by_prefect
from pygeoapi_prefect.engine.errors import translate_errors
from pygeoapi_prefect.engine.routes import Call


async def send(client: PrefectClient, call: Call) -> Any:
    """Send a request to Prefect's API; answers and errors are those of ``client.send``.

    Args:
        client: The worker's own client, which retries for a while by Prefect's settings.
        call: The request.
    """
    with answered_by_prefect(call), translate_errors():
        # The routes are typed as a closed set of templates; these are the same, filled in.
        path = cast(Any, call.path)
        response = await client.request(
            call.method, path, json=call.body, params=dict(call.query) or None
        )
        return response.json() if response.content else None
