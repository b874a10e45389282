"""gunicorn's worker for asyncio, serving a WSGI application."""

import resource
from contextlib import suppress
from typing import Any, override

from gunicorn.workers import gasgi  # type: ignore[import-untyped]

from pygeoapi_prefect.web.server import allocator
from pygeoapi_prefect.web.server.connection import Connection
from pygeoapi_prefect.web.server.gateway import Gateway

gasgi.ASGIProtocol = Connection  # there is no setting for it


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """One web process: an event loop for connections, ``--threads`` threads for requests."""

    asgi: Any = None

    @classmethod
    @override
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Accept ``--threads``, which an ASGI application would have no use for."""

    @override
    def init_process(self) -> None:
        """Allow as many open files as the system does: each connection is one.

        Memory that large bodies have needed goes back to the system.
        """
        allocator.give_back_freed()
        with suppress(ValueError, OSError):
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        super().init_process()

    @override
    def handle_exit_signal(self) -> None:
        """Stop: clients that wait are answered now."""
        super().handle_exit_signal()
        if self.asgi is not None:
            self.asgi.stop()

    @override
    def load_wsgi(self) -> None:
        """Load the WSGI application, and put the gateway before it."""
        super().load_wsgi()
        self.asgi = Gateway(self.asgi, self.cfg.threads)
