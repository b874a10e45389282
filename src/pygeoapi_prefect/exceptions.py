"""The exceptions, under the module name of 2023."""

from pygeoapi_prefect.errors import *  # noqa: F403
