"""The models, under the module name of 2023."""

from pygeoapi_prefect.models.processes import *  # noqa: F403
