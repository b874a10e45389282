"""Module that Prefect's entry point group ``prefect.collections`` loads.

Prefect loads its collections where a worker is started, but also in every server and in every run
that loads a block. The worker class is made known only where Prefect's workers are loaded anyway.
"""

import sys

if "prefect.workers.base" in sys.modules:
    import pygeoapi_prefect.worker.worker  # noqa: F401
