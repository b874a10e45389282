"""A client of one server: what it does is what is measured. It talks to this machine only."""

import time
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

POLL_SECONDS = 0.02
FINAL = ("successful", "failed", "dismissed")


class BenchError(Exception):
    """A server did not do what the measurement needs; the text says what it did."""


def require_loopback(url: str) -> str:
    """The URL, if it leads to this machine.

    Raises:
        BenchError: It does not: load goes nowhere else.
    """
    host = urlsplit(url).hostname or ""
    try:
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise BenchError(f"{url} is not on this machine: the benchmark loads loopback only")
    return url


class Client:
    """Requests to one pygeoapi, over one kept connection.

    Args:
        url: Address of pygeoapi, on loopback.
        key: API key; empty if none is needed.
    """

    def __init__(self, url: str, key: str = "") -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(
            base_url=require_loopback(url), headers=headers, timeout=120, trust_env=False
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sync(self, process: str, inputs: dict[str, Any]) -> float:
        """Seconds of a synchronous execution."""
        began = time.perf_counter()
        reply = self._http.post(f"/processes/{process}/execution", json={"inputs": inputs})
        seconds = time.perf_counter() - began
        if reply.status_code != httpx.codes.OK:
            raise BenchError(f"{process}, synchronous: {_shown(reply)}")
        return seconds

    def submit(self, process: str, inputs: dict[str, Any]) -> tuple[str, float]:
        """The id of a new job, and the seconds of its POST."""
        began = time.perf_counter()
        reply = self._http.post(
            f"/processes/{process}/execution",
            json={"inputs": inputs},
            headers={"Prefer": "respond-async"},
        )
        seconds = time.perf_counter() - began
        if reply.status_code != httpx.codes.CREATED:
            raise BenchError(f"{process}, asynchronous: {_shown(reply)}")
        return reply.headers["Location"].split("?")[0].rstrip("/").rsplit("/", 1)[1], seconds

    def status(self, job: str) -> str | None:
        """The status of a job; None while the server does not know it."""
        reply = self._http.get(f"/jobs/{job}", params={"f": "json"})
        if reply.status_code == httpx.codes.NOT_FOUND:
            return None
        if reply.status_code != httpx.codes.OK:
            raise BenchError(f"status of {job}: {_shown(reply)}")
        return str(reply.json()["status"])

    def wait(self, job: str, *wanted: str, timeout: float, poll: float = POLL_SECONDS) -> float:
        """Poll until the job has a status of these; the moment at which it was seen.

        Raises:
            BenchError: It ended otherwise, or not in time.
        """
        deadline = time.perf_counter() + timeout
        while True:
            status = self.status(job)
            now = time.perf_counter()
            if status in wanted:
                return now
            if status in FINAL or now > deadline:
                raise BenchError(f"job {job} is {status}, not {wanted}, after {timeout:.0f} s")
            time.sleep(poll)

    def timed_get(self, path: str, **params: Any) -> float:
        """Seconds of a GET that has to answer 200."""
        began = time.perf_counter()
        reply = self._http.get(path, params={"f": "json", **params})
        seconds = time.perf_counter() - began
        if reply.status_code != httpx.codes.OK:
            raise BenchError(f"GET {path}: {_shown(reply)}")
        return seconds

    def dismiss(self, job: str) -> int:
        """Send the DELETE; its status code."""
        return self._http.delete(f"/jobs/{job}").status_code

    def answers(self, path: str) -> bool:
        """Return true if a GET is answered with 200 now."""
        try:
            return self._http.get(path, params={"f": "json"}).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def _shown(reply: httpx.Response) -> str:
    return f"{reply.status_code} {reply.text[:300]}"
