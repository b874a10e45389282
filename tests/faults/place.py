"""A stack of its own for the faults: nobody else's tests meet them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from faults.components import Place
from faults.load import Ledger
from faults.store import BUCKET, object_store
from pygeoapi_prefect import storage
from pygeoapi_prefect.embedded.processes import marked
from support import s3_server, web
from support.prefect_api import use_prefect
from support.stack import RunningStack, command, connect, run, start, write_config

BLOCK = "faults"


@contextmanager
def standing(folder: Path) -> Iterator[Place]:
    """A stack with a process whose outputs are in a folder, and one whose are in S3."""
    state, config = folder / "state", folder / "pygeoapi-config.yml"
    state.mkdir()
    write_config(config)
    add_process_with_s3(config)
    with object_store(folder) as store:
        start(state, config)
        stack = connect(state, config)
        try:
            with use_prefect(stack.prefect_api_url):
                keys = s3_server.settings(store.url)
                storage.save_remote_block(BLOCK, f"s3://{BUCKET}", keys)
            deploy(stack, "counted-s3")
            yield Place(stack, store, Ledger(folder / "ledger"))
        finally:
            stack.close()
            stopped = run(command("stop", state))
    assert stopped.returncode == 0, stopped.stdout
    assert marked(str(state)) == []


def add_process_with_s3(config: Path) -> None:
    """Add ``counted-s3``: the same flow, deployed once more with another block for outputs."""
    content = yaml.safe_load(config.read_text())
    processor = yaml.safe_load(yaml.safe_dump(content["resources"]["counted"]["processor"]))
    processor["name"] = "faulty.CountedInS3Processor"
    processor["prefect"]["deployment"]["name"] = "pygeoapi-s3"
    processor["prefect"]["result_storage"] = f"remote-file-system/{BLOCK}"
    content["resources"]["counted-s3"] = {"type": "process", "processor": processor}
    config.write_text(yaml.safe_dump(content, width=1000))


def deploy(stack: RunningStack, process: str) -> None:
    """Deploy a process whose block did not exist when the stack started."""
    pygeoapi = Path(sys.executable).with_name("pygeoapi")
    line = ["plugins", "prefect", "deploy-process", process, "-c", str(stack.config)]
    own = web.environment(stack.prefect_api_url) | {"PYGEOAPI_URL": stack.url}
    subprocess.run([pygeoapi, *line], env=own, check=True, timeout=120)
