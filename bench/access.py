"""The cost of access control: the same requests to a web process with it and to one without it."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.client import Client
from bench.folder import data_folder
from bench.numbers import summary
from bench.plan import FULL
from bench.run import about
from bench.running import Running
from bench.systems import free_ports, ours, write_config
from pygeoapi_prefect.access import key_file
from pygeoapi_prefect.access.keys import generate, now
from pygeoapi_prefect.access.principal import Role
from pygeoapi_prefect.embedded import services

PROCESS = "bench-sleep"
WARM_UP = 20
OTHERS = 100
"""Number of other keys in the file."""


def access(state: Path, number: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Time POST and status with a key and without access control, in turns, on one engine.

    Args:
        state: Folder for the stack's data.
        number: Number of requests of each kind.
        say: Called with a line for each kind.
    """
    record = about(FULL) | {"profile": "access", "requests": number, "keys": OTHERS + 1}
    with data_folder(state), ours(state / "access") as running, ExitStack() as stack:
        url, key = _with_keys(running, state)
        opened = stack.enter_context(Client(running.layout.local_url))
        keyed = stack.enter_context(Client(url, key))
        clients = {"open": opened, "key": keyed}
        jobs = {name: _submit(client, running)[0] for name, client in clients.items()}
        kinds: dict[str, Callable[[str], float]] = {
            "post": lambda name: _submit(clients[name], running)[1],
            "status": lambda name: clients[name].timed_get(f"/jobs/{jobs[name]}"),
        }
        found = {kind: _in_turns(send, number) for kind, send in kinds.items()}
    for kind, values in found.items():
        say(f"{kind}: {values}")
    return record | {"milliseconds": found}


def _in_turns(send: Callable[[str], float], number: int) -> Mapping[str, float | None]:
    """Milliseconds of requests to both, each first every other time, and the difference."""
    series: dict[str, list[float]] = {"open": [], "key": []}
    for turn in range(WARM_UP + number):
        for name in ("open", "key") if turn % 2 else ("key", "open"):
            milliseconds = 1000 * send(name)
            if turn >= WARM_UP:
                series[name].append(milliseconds)
    values = {k: v for name in series for k, v in summary(name, series[name]).items()}
    both = values["key_p50"], values["open_p50"]
    values["difference_p50"] = None if both[0] is None or both[1] is None else both[0] - both[1]
    return {name: None if value is None else round(value, 2) for name, value in values.items()}


def _submit(client: Client, running: Running) -> tuple[str, float]:
    inputs = {"pid_file": str(running.layout.scratch / uuid4().hex), "seconds": 3600}
    return client.submit(PROCESS, inputs)


def _with_keys(running: Running, state: Path) -> tuple[str, str]:
    """Start another web process, with access control; its address, and a key."""
    path, config = state / "keys.json", state / "access.yml"
    text, key = generate("bench", [Role.EXECUTE], now())
    with key_file.changing(path) as keys:
        keys += [generate(f"other-{n}", [Role.EXECUTE], now())[1] for n in range(OTHERS)]
        keys.append(key)
    write_config(config, {"access": {"keys": str(path), "anonymous": "read"}})
    layout = replace(running.layout, port=free_ports()[0], config=config)
    child = running.spawn(
        "web-keys", services.web_command(layout), services.web_environment(layout), cwd=Path.cwd()
    )
    running.until(child, lambda: running.answers(f"{layout.local_url}/processes?f=json"))
    return layout.local_url, text
