"""An S3 server for tests: moto's, as a process of its own, one for the whole test session."""

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import s3fs

KEY, SECRET = "tester", "12345678"


@cache
def endpoint(*, check_keys: bool = False) -> str:
    """Start the server at first use; returns its URL.

    With ``check_keys`` it refuses everyone, for it knows no keys.
    """
    env = {"INITIAL_NO_AUTH_ACTION_COUNT": "0"} if check_keys else {}
    process, url = start(free_port(), env)
    atexit.register(stop, process)
    return url


def start(port: int, env: Mapping[str, str]) -> tuple["subprocess.Popen[bytes]", str]:
    """Start a server with additional variables; the process and its URL, once it answers."""
    command = [str(Path(sys.executable).with_name("moto_server")), "-p", str(port)]
    process = subprocess.Popen(
        command, env=os.environ | env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), urlopen(f"{url}/moto-api/", timeout=5):
            return process, url
        assert process.poll() is None, "moto's server ended"
        assert time.monotonic() < deadline, "moto's server does not answer"
        time.sleep(0.05)


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def settings(url: str, key: str | None = KEY, secret: str = SECRET) -> dict[str, Any]:
    """The settings of a remote-file-system block for the server."""
    keys = {"key": key, "secret": secret} if key else {}
    return keys | {"client_kwargs": {"endpoint_url": url}}


def make_bucket(name: str, url: str | None = None) -> str:
    """Create a bucket; returns its address."""
    files(url).mkdir(name)
    return f"s3://{name}"


def files(url: str | None = None) -> Any:
    """A file system over the server, to look at what was stored."""
    return s3fs.S3FileSystem(
        key=KEY, secret=SECRET, endpoint_url=url or endpoint(), use_listings_cache=False
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
