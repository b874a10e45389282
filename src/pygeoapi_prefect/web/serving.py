"""gunicorn's settings: ``gunicorn --config python:pygeoapi_prefect.web.serving ...``.

What differs between deployments (address, processes, threads) is for the command line.
"""

worker_class = "pygeoapi_prefect.web.server.worker.Worker"
asgi_lifespan = "off"
asgi_loop = "asyncio"
worker_connections = 2000
"""Connections of one process; a waiting client, a download and an idle client are one each."""
control_socket_disable = True
forwarder_headers = ""
"""A header ``SCRIPT_NAME`` must not move the application: ``server.url`` has its path."""
