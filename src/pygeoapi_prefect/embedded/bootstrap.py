"""Makes in Prefect what the stack's processes need: pool, queue, blocks and deployments.

``python -m pygeoapi_prefect.embedded.bootstrap READY_URL CONFIG RESULTS CODE``; a process of its
own, so that the supervisor loads neither Prefect nor the flows. Repeating it changes nothing.
"""

import logging
import sys
from pathlib import Path

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import Settings, load_config
from pygeoapi_prefect.deploy.every import deploy_every
from pygeoapi_prefect.embedded.layout import CODE_BLOCK, PARTLY, POOL, QUEUE, RESULT_BLOCK
from pygeoapi_prefect.embedded.preload import wait_for
from pygeoapi_prefect.engine.pools import ensure_queue
from pygeoapi_prefect.errors import StackError
from pygeoapi_prefect.process.registry import Registry

LOGGER = logging.getLogger(__name__)


def bootstrap(ready_url: str, config: Path, results: Path, code: Path) -> list[str]:
    """Wait for Prefect, then create what is missing.

    Returns:
        The processes that cannot be loaded or deployed; the log has the reasons.

    Raises:
        StackError: The configuration is invalid, or Prefect rejects a request.
    """
    registry = Registry(Settings.from_config(load_config(config)))  # while Prefect starts
    wait_for(ready_url)
    ensure_queue(POOL, QUEUE)
    storage.save_local_block(RESULT_BLOCK, str(results))
    storage.save_local_block(CODE_BLOCK, str(code))
    return deploy_every(registry)


def main() -> None:
    """Run the command line given in ``sys.argv``."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("pygeoapi_prefect").setLevel(logging.INFO)
    ready_url, config, results, code = sys.argv[1:]
    try:
        left_out = bootstrap(ready_url, Path(config), Path(results), Path(code))
    except StackError as error:
        LOGGER.error("%s", error)
        sys.exit(1)
    if left_out:
        sys.exit(PARTLY)


if __name__ == "__main__":
    main()
