"""An S3 server that can die and come back with what it has stored."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from support import s3_server
from support.gate import DROP, OPEN, Gate, gate

BUCKET = "faults"


class ObjectStore:
    """moto's server behind a gate; its recording is what a disk is to another one.

    Attributes:
        door: Gate in front of it; its address never changes.
    """

    def __init__(self, door: Gate, port: int, recording: Path) -> None:
        self.door = door
        self._port = port
        self._recording = recording
        self._process = self._started()
        s3_server.make_bucket(BUCKET, self.url)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def come_back(self) -> None:
        """Start again after a kill, with all that was stored before."""
        self._process.wait(10)
        self.door.mode = DROP
        self._process = self._started()
        replay = f"http://127.0.0.1:{self._port}/moto-api/recorder/replay-recording"
        httpx.post(replay, timeout=120, trust_env=False).raise_for_status()
        self.door.mode = OPEN

    def stop(self) -> None:
        s3_server.stop(self._process)

    def _started(self) -> "subprocess.Popen[bytes]":
        env = {"MOTO_ENABLE_RECORDING": "yes", "MOTO_RECORDER_FILEPATH": os.fspath(self._recording)}
        process, _ = s3_server.start(self._port, env)
        return process


@contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    port = s3_server.free_port()
    with gate(port) as door:
        store = ObjectStore(door, port, folder / "recording")
        try:
            yield store
        finally:
            store.stop()
