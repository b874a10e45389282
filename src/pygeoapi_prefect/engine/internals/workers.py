"""Prefect's process worker, on which ours is based.

Needed because the classes of ``prefect.workers.process`` are documented for use, not as base
classes, and because the methods of ``BaseWorker`` that begin with an underscore are not documented.
``worker.worker`` overrides three of those.
"""

from typing import Any

from prefect.workers.process import ProcessJobConfiguration, ProcessVariables, ProcessWorker

__all__ = ["POOL_TYPE", "ProcessJobConfiguration", "ProcessVariables", "base_job_template"]

POOL_TYPE = ProcessWorker.type


def base_job_template() -> dict[str, Any]:
    """The job template of Prefect's process worker: ``job_configuration`` and ``variables``."""
    return ProcessWorker.get_default_base_job_template()
