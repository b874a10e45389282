"""Finds the runs of workers that have died, by the heartbeats that Prefect has of them.

A worker is dead when its heartbeat, as Prefect tells it, has not changed for three intervals while
we were looking: clocks are not compared, and an outage of Prefect kills nobody. Each start of a
worker has a name of its own, so a restarted worker does not seem to be the one that died.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from prefect.exceptions import ObjectNotFound
from prefect.logging.loggers import get_logger

from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.engine.worker_api import WorkerApi
from pygeoapi_prefect.worker import settlement

LOGGER = get_logger("pygeoapi.worker")
MISSED_HEARTBEATS = 3
OUR_NAME = re.compile(r".+-[0-9a-f]{8}")


@dataclass
class _Sighting:
    heartbeat: str | None
    since: float
    interval: float


class Reaper:
    """Looks for dead workers of a pool, and ends or reschedules their runs.

    Args:
        api: Prefect's API.
        pool: Name of the work pool.
        name: Name of this worker.
        interval: Seconds between heartbeats, where a worker has not said otherwise.
        is_active: Whether this worker works on a run at the moment.
    """

    def __init__(
        self,
        api: WorkerApi,
        pool: str,
        name: str,
        interval: float,
        is_active: Callable[[str], bool],
    ) -> None:
        self._api = api
        self._pool = pool
        self._name = name
        self._interval = interval
        self._is_active = is_active
        self._seen: dict[str, _Sighting] = {}
        self._runs_before: dict[str, str] = {}
        self._idle_before: set[str] = set()
        self._claimants: dict[tuple[str, str], str | None] = {}
        self._last_scan = 0.0

    @property
    def scan_seconds(self) -> float:
        """Time between two scans."""
        return self._interval / 2

    async def scan(self) -> None:
        """Look once.

        Raises:
            EngineUnavailable: Prefect does not answer; the next scan starts from nothing.
        """
        workers = {str(row["name"]): row for row in await self._api.workers(self._pool)}
        now = time.monotonic()
        if now - self._last_scan > 2 * self._interval:
            self._seen.clear()  # changes in the meantime are unknown
        self._last_scan = now
        owned = await self._owned()
        for name in {*workers, *owned}:
            self._see(name, workers.get(name), now)
        self._seen = {name: self._seen[name] for name in {*workers, *owned}}
        await self._end_own(owned.pop(self._name, []))
        for name in [name for name in self._seen if self._is_dead(name, now)]:
            await self._bury(name, name in workers, owned.get(name, []))

    def _see(self, name: str, row: Json | None, now: float) -> None:
        heartbeat = str(row["last_heartbeat_time"]) if row else None
        interval = float((row or {}).get("heartbeat_interval_seconds") or self._interval)
        known = self._seen.get(name)
        if known is None or known.heartbeat != heartbeat:
            self._seen[name] = _Sighting(heartbeat, now, interval)

    def _is_dead(self, name: str, now: float) -> bool:
        sighting = self._seen[name]
        return name != self._name and now - sighting.since > MISSED_HEARTBEATS * sighting.interval

    async def _owned(self) -> dict[str, list[str]]:
        """Unfinished runs by the name of the worker that claimed them; very new ones apart."""
        runs = {
            str(run["id"]): str(run["state_id"]) for run in await self._api.unfinished(self._pool)
        }
        lasting = [(id_, state) for id_, state in runs.items() if self._runs_before.get(id_)]
        self._runs_before = runs
        owned: dict[str, list[str]] = {}
        claimants = {}
        for key in lasting:
            if key not in self._claimants:
                claimants[key] = await self._api.claimant(key[0])
            else:
                claimants[key] = self._claimants[key]
            owner = claimants[key]
            if owner is not None:
                owned.setdefault(owner, []).append(key[0])
        self._claimants = claimants
        return owned

    async def _end_own(self, run_ids: list[str]) -> None:
        """Runs that Prefect gave to this worker, which did not hear of it."""
        idle = {run_id for run_id in run_ids if not self._is_active(run_id)}
        for run_id in idle & self._idle_before:
            state = await settlement.hand_back(self._api, run_id, "its worker does not know it")
            LOGGER.warning("Run %s is claimed but unknown here: %s", run_id, state)
        self._idle_before = idle

    async def _bury(self, name: str, is_listed: bool, run_ids: list[str]) -> None:
        if is_listed:
            if not run_ids and not OUR_NAME.fullmatch(name):
                return  # another kind of worker
            try:
                # Only one can remove it: of several reapers, that one sees to the runs.
                await self._api.forget_worker(self._pool, name)
            except ObjectNotFound:
                return
        for run_id in run_ids:
            if await self._api.claimant(run_id) != name:
                continue  # another reaper has given it away meanwhile
            state = await settlement.hand_back(self._api, run_id, f"its worker '{name}' has died")
            LOGGER.warning("Run %s of the dead worker %s: %s", run_id, name, state)
        self._seen.pop(name, None)
