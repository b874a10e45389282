"""A gate in front of a server: it lets through, drops, keeps waiting, or answers with a status."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

OPEN, DROP, HANG, LATE, MUTE = "open", "drop", "hang", "late", "mute"
PLAIN, FORBID = "plain", "forbid"
UPGRADE = b"Upgrade: websocket"
LATE_PATH = b"/create_flow_run"
MUTE_PATH = b"/set_state"


class Gate:
    """A TCP proxy on loopback whose ``mode`` decides what happens to connections.

    Attributes:
        mode: ``OPEN``, ``DROP`` (a server that is stopped), ``HANG`` (accepts, never answers),
            ``LATE`` (keeps requests for ``LATE_PATH``, lets others through), ``MUTE`` (lets all
            through but the answers to requests for ``MUTE_PATH``), ``PLAIN`` (a proxy that does not
            pass on the request for a WebSocket), ``FORBID`` (one that answers it with 403) or an
            HTTP status as text, that everything is answered with.
        port: Where it listens.
        refused: How many connections it has answered with a status.
    """

    def __init__(self, target_port: int, port: int = 0) -> None:
        self._target = target_port
        self._mode = OPEN
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._held: list[bytes] = []
        self.refused = 0
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

    @property
    def held(self) -> int:
        """How many requests are kept whose clients have left."""
        with self._lock:
            return len(self._held)

    def deliver(self) -> None:
        """Send the server what was kept; nobody gets the answers."""
        with self._lock:
            held, self._held = self._held, []
        for request in held:
            with socket.create_connection(("127.0.0.1", self._target)) as server:
                server.sendall(request)
                server.recv(65536)

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
        if self._mode not in (OPEN, LATE, MUTE, PLAIN, FORBID):
            with client, suppress(OSError):
                if self._mode != DROP:
                    client.recv(65536)
                    _answer(client, self._mode)
                    self.refused += 1
            return
        first = b""
        if self._mode in (PLAIN, FORBID):
            with suppress(OSError):
                first = client.recv(65536)
        if self._mode == FORBID and UPGRADE in first:
            with client, suppress(OSError):
                _answer(client, "403")
            return
        server = socket.create_connection(("127.0.0.1", self._target))
        server.sendall(first.replace(UPGRADE, b"X-Not-Passed-On: yes"))
        with self._lock:
            self._connections.append(server)
        muted = threading.Event()
        back = threading.Thread(target=_pump, args=(server, client, muted), daemon=True)
        self._threads.append(back)
        back.start()
        if self._mode == LATE:
            self._keep(client, server)
        elif self._mode == MUTE:
            _watch(client, server, muted)
        else:
            _pump(client, server)

    def _keep(self, client: socket.socket, server: socket.socket) -> None:
        """Let through what a client sends before a request that is kept."""
        kept = b""
        with suppress(OSError):
            while piece := client.recv(65536):
                if kept or LATE_PATH in piece:
                    kept += piece
                else:
                    server.sendall(piece)
        if kept:
            with self._lock:
                self._held.append(kept)


def _answer(client: socket.socket, status: str) -> None:
    head = f"HTTP/1.1 {status} Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    client.sendall(head.encode())


def _pump(
    source: socket.socket, target: socket.socket, muted: threading.Event | None = None
) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            if muted is not None and muted.is_set():
                break
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _watch(client: socket.socket, server: socket.socket, muted: threading.Event) -> None:
    """Let requests through; from one for ``MUTE_PATH`` on, nothing is answered."""
    with suppress(OSError):
        while piece := client.recv(65536):
            if MUTE_PATH in piece:
                muted.set()
            server.sendall(piece)


@contextmanager
def gate(target_port: int, port: int = 0) -> Iterator[Gate]:
    """A gate, open, in front of a port of this machine; at ``port``, or at a free one."""
    opened = Gate(target_port, port)
    try:
        yield opened
    finally:
        opened.close()
