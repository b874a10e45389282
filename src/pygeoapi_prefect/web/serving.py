"""gunicorn's settings: ``gunicorn --config python:pygeoapi_prefect.web.serving ...``.

The application learns here which address the server is bound to: without ``access`` it starts only
on loopback. What differs between deployments (address, processes, threads) is for the command line.
"""

import os
from typing import Any

BIND = "PYGEOAPI_BIND"
worker_class = "pygeoapi_prefect.web.server.worker.Worker"
asgi_lifespan = "off"
asgi_loop = "asyncio"
worker_connections = 2000
"""Connections of one process; a waiting client, a download and an idle client are one each."""
control_socket_disable = True
forwarder_headers = ""
"""A header ``SCRIPT_NAME`` must not move the application: ``server.url`` has its path."""


def on_starting(server: Any) -> None:
    """Tell the processes the addresses, unless something before this server is what counts."""
    hosts = [one[0] if isinstance(one, tuple) else str(one) for one in server.cfg.address]
    os.environ[BIND] = os.environ.get(BIND) or ",".join(hosts)
