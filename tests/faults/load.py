"""Clients that submit numbered jobs while something is broken, and what becomes of the jobs."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from processes.faulty import expected
from support.polling import wait_for
from support.server import ENDED
from support.workers import is_alive

CLIENTS = 4
PAUSE_SECONDS = 0.5
AGAIN = (429, 503)
IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True)
class Ledger:
    """The file to which each job appends a line when it starts.

    Attributes:
        path: The file.
        seen_as: Its path as jobs see it, if that is another one.
    """

    path: Path
    seen_as: str = ""

    def rows(self) -> list[tuple[str, int]]:
        """Identifier of the job and number of its process, for each start."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [(job_id, int(pid)) for job_id, pid in (line.split() for line in lines)]

    def starts(self) -> Counter[str]:
        """How often each job was started."""
        return Counter(job_id for job_id, _ in self.rows())

    def alive(self) -> list[int]:
        """Processes of jobs that still run."""
        return [pid for _, pid in self.rows() if is_alive(pid)]


@dataclass
class Load:
    """Clients of a server, which repeat only what was not accepted.

    Attributes:
        url: Address of the server.
        process: Identifier of the process to execute.
        ledger: File that its jobs note their starts in.
        seconds: Time that a job takes, unless its client wants another one.
        patience: Seconds after which a client gives up.
        accepted: Number of each accepted job, by the job's identifier.
        repeated: How often a request was repeated, by what it was answered.
    """

    url: str
    process: str
    ledger: Ledger
    seconds: float = 0.3
    patience: float = 240
    accepted: dict[str, int] = field(default_factory=dict)
    repeated: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def submit_all(self, numbers: Iterable[int]) -> None:
        """Submit jobs from several clients; return once all are accepted."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(self.submit, numbers))

    def submit(self, number: int, seconds: float | None = None) -> str:
        """Submit a job that takes so long, again until it is accepted; its identifier."""
        job_id = wait_for(
            lambda: self._submitted(number, self.seconds if seconds is None else seconds),
            self.patience,
            lambda: f"job {number} is accepted; repeated: {self.repeated}",
            pause=PAUSE_SECONDS,
        )
        self.accepted[job_id] = number
        return job_id

    def _submitted(self, number: int, seconds: float) -> str:
        body = {
            "number": number,
            "seconds": seconds,
            "ledger": self.ledger.seen_as or str(self.ledger.path),
        }
        try:
            reply = self._client.post(
                f"/processes/{self.process}/execution",
                json={"inputs": body},
                headers={"Prefer": "respond-async"},
            )
        except httpx.TransportError as error:
            self.repeated[type(error).__name__] += 1
            return ""
        if reply.status_code in AGAIN:
            assert int(reply.headers["Retry-After"]) > 0, "a client is told when to come back"
            self.repeated[str(reply.status_code)] += 1
            return ""
        assert reply.status_code == 201, reply.text
        return str(reply.json()["jobID"])

    def info(self, job_id: str) -> dict[str, Any] | None:
        """The statusInfo of an accepted job; None while the server cannot tell."""
        try:
            reply = self._client.get(f"/jobs/{job_id}", params={"f": "json"})
        except httpx.TransportError:
            return None
        if reply.status_code == 503:
            return None
        assert reply.status_code == 200, f"an accepted job is gone: {reply.text}"
        info: dict[str, Any] = reply.json()
        return info

    def ended(self, seconds: float, job_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The final statusInfo of jobs, within so many seconds."""
        open_ = list(job_ids)
        found: dict[str, dict[str, Any]] = {}

        def all_ended() -> bool:
            for job_id in list(open_):
                info = self.info(job_id)
                if info is None or info["status"] not in ENDED:
                    return False
                found[job_id] = info
                open_.remove(job_id)
            return True

        wait_for(all_ended, seconds, lambda: f"{len(open_)} jobs are open: {self.info(open_[0])}")
        return found

    def wrong_outputs(self, ended: dict[str, dict[str, Any]]) -> Iterator[str]:
        """The successful jobs whose output is missing or not the right one, with the answer."""
        for job_id, info in ended.items():
            if info["status"] == "successful":
                reply = wait_for(partial(self._results, job_id), self.patience, "results")
                assert reply is not None
                right = reply.status_code == 200 and expected(self.accepted[job_id]) in reply.text
                if not right:
                    yield f"{job_id}: {reply.status_code} {reply.text[:200]}"

    def _results(self, job_id: str) -> httpx.Response | None:
        """The answer with the results; None while the server cannot tell."""
        try:
            reply = self._client.get(f"/jobs/{job_id}/results", params={"f": "json"})
        except httpx.TransportError:
            return None
        return reply if reply.status_code != 503 else None


def told(ended: dict[str, dict[str, Any]]) -> Counter[str]:
    """The messages of failed jobs, without what differs between jobs."""
    return Counter(
        IDENTIFIER.sub("ID", str(info["message"]))
        for info in ended.values()
        if info["status"] != "successful"
    )
