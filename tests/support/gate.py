"""A gate in front of a server: it lets through, drops, keeps waiting, or answers with a status."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

OPEN, DROP, HANG = "open", "drop", "hang"


class Gate:
    """A TCP proxy on loopback whose ``mode`` decides what happens to connections.

    Attributes:
        mode: ``OPEN``, ``DROP`` (a server that is stopped), ``HANG`` (accepts, never answers) or
            an HTTP status as text, that everything is answered with.
        port: Where it listens.
    """

    def __init__(self, target_port: int, port: int = 0) -> None:
        self._target = target_port
        self._mode = OPEN
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        """Connections of before end: what was asked last is not answered any more."""
        self._mode = mode
        self._cut()

    def close(self) -> None:
        """Stop listening and end all connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()
        for thread in self._threads:
            thread.join(10)

    def _cut(self) -> None:
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
            self._connections.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._connections.append(client)
        if self._mode == HANG:
            return
        if self._mode != OPEN:
            with client, suppress(OSError):
                if self._mode != DROP:
                    client.recv(65536)
                    status = f"HTTP/1.1 {self._mode} Fault\r\nContent-Length: 0\r\n"
                    client.sendall(f"{status}Connection: close\r\n\r\n".encode())
            return
        server = socket.create_connection(("127.0.0.1", self._target))
        with self._lock:
            self._connections.append(server)
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        self._threads.append(back)
        back.start()
        _pump(client, server)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def gate(target_port: int, port: int = 0) -> Iterator[Gate]:
    """A gate, open, in front of a port of this machine; at ``port``, or at a free one."""
    opened = Gate(target_port, port)
    try:
        yield opened
    finally:
        opened.close()
