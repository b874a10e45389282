"""Makes in Prefect what the stack's processes need: pool, queue, blocks and deployments.

``python -m pygeoapi_prefect.embedded.bootstrap READY_URL CONFIG RESULTS CODE``; a process of its
own, so that the supervisor loads neither Prefect nor the flows. Repeating it changes nothing.
"""

import logging
import sys
from pathlib import Path

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import Settings, load_config
from pygeoapi_prefect.deploy.deployments import deploy
from pygeoapi_prefect.embedded.layout import CODE_BLOCK, POOL, QUEUE, RESULT_BLOCK
from pygeoapi_prefect.embedded.preload import wait_for
from pygeoapi_prefect.engine.pools import ensure_queue
from pygeoapi_prefect.errors import StackError
from pygeoapi_prefect.process.registry import Registry

LOGGER = logging.getLogger(__name__)


def bootstrap(ready_url: str, config: Path, results: Path, code: Path) -> None:
    """Wait for Prefect, then create what is missing.

    Raises:
        StackError: The configuration or a process is not as it must be, or Prefect refuses.
    """
    registry = Registry(Settings.from_config(load_config(config)))  # while Prefect starts
    wait_for(ready_url)
    ensure_queue(POOL, QUEUE)
    storage.save_local_block(RESULT_BLOCK, str(results))
    storage.save_local_block(CODE_BLOCK, str(code))
    for process in registry:
        if process.deployment is not None:
            deployed = deploy(process)
            LOGGER.info("%s: version %s", deployed.name, deployed.version)


def main() -> None:
    """Run the command line given in ``sys.argv``."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    LOGGER.setLevel(logging.INFO)
    ready_url, config, results, code = sys.argv[1:]
    try:
        bootstrap(ready_url, Path(config), Path(results), Path(code))
    except StackError as error:
        LOGGER.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
