"""Hooks for schemathesis: generated requests stay small enough to be run often, and find jobs."""

import os
import random
import re
from collections.abc import Iterable
from typing import Any

import httpx
import schemathesis

LONGEST_PAUSE = 0.2  # seconds; the processes of the tests accept up to an hour
ASYNC_SHARE = 0.3
KNOWN_SHARE = 0.7
NOT_EXECUTED = {
    # These exist to fail.
    "careless": "raises or breaks its contract, as its input asks for",
    "careless-here": "the same",
    "troublesome": "segfaults, exits or fills what there is, as its input asks for",
    "vanilla-raising": "raises, as its input asks for",
    "worker-raising": "the same",
    "mapped": "fails or waits, as its input asks for",
    "mapped-elsewhere": "the same, and its block is made by a test",
    "flaky": "fails as often as its input asks for",
    # These sleep two minutes unless their optional input says otherwise.
    "slow": "sleeps",
    "slow-sync": "the same",
    # A valid request may be one that these cannot compute, which is then their documented 500.
    "vanilla-name-a": "its name is optional and yet needed",
    "vanilla-name-b": "the same",
    "vanilla-echo": "pygeoapi's: refuses an empty text, and takes no qualified value",
    "worker-echo": "the same",
    "vanilla-shapely": "pygeoapi's: calls Shapely with any geometry and any parameter",
    "worker-shapely": "the same",
    "zonal-statistics": "zones and raster may not fit each other, or be no raster",
}
"""Why a process is left out: what it makes of a request that its description allows."""

_choice = random.Random(1)


def not_executed() -> str:
    """The paths of their execution, as a regular expression."""
    return f"^/processes/({'|'.join(map(re.escape, sorted(NOT_EXECUTED)))})/execution$"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Let no job wait for long, tell nobody, and let some requests be about jobs that there are."""
    _bound(case.body)
    if case.path.endswith("/execution") and _choice.random() < ASYNC_SHARE:
        case.headers = {**(case.headers or {}), "Prefer": "respond-async"}
    if "jobID" in (case.path_parameters or {}) and _choice.random() < KNOWN_SHARE:
        url = case.operation.base_url.rstrip("/")
        known = _known_jobs(url, case.operation.schema)
        if known:
            job = _choice.choice(known)
            case.path_parameters["jobID"] = job["jobID"]
            if "outputID" in case.path_parameters:
                process = httpx.get(f"{url}/processes/{job['processID']}", timeout=30).json()
                case.path_parameters["outputID"] = _choice.choice(sorted(process["outputs"]))


def _bound(body: object) -> None:
    if not isinstance(body, dict):
        return
    body.pop("subscriber", None)
    inputs = body.get("inputs")
    if not isinstance(inputs, dict):
        return
    for name in ("pause", "seconds"):
        value = inputs.get(name)
        holder, key = (value, "value") if isinstance(value, dict) else (inputs, name)
        number = holder.get(key)
        if isinstance(number, int | float) and number > LONGEST_PAUSE:
            holder[key] = LONGEST_PAUSE


def _known_jobs(url: str, schema: Any) -> list[dict[str, str]]:
    """The newest jobs that ended well or were dismissed: the results of a failed one are a 500."""
    processes = (path.split("/")[2] for path in schema if path.endswith("/execution"))
    wanted: Iterable[str] = sorted(set(processes) - set(NOT_EXECUTED))
    query: dict[str, str | int] = {
        "processID": ",".join(wanted),
        "status": "successful,dismissed",
        "limit": 30,
        "f": "json",
    }
    found: list[dict[str, str]] = httpx.get(f"{url}/jobs", params=query, timeout=30).json()["jobs"]
    return found


os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")
