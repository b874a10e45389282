"""Process manager, processor class and models that run OGC API - Processes on Prefect.

pygeoapi imports this package through its plugin entry point whenever ``pygeoapi`` is imported, so
it stays light: neither pygeoapi nor Prefect is imported here.
"""

from pygeoapi_prefect import compat

compat.install()
