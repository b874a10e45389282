"""All configured processes at once: one that cannot be deployed keeps no other from it."""

import logging

from pygeoapi_prefect.deploy.deployments import deploy
from pygeoapi_prefect.errors import ConfigurationError
from pygeoapi_prefect.process.registry import Registry

LOGGER = logging.getLogger(__name__)


def deploy_every(registry: Registry) -> list[str]:
    """Deploy each process that has a deployment, and log what became of it.

    Returns:
        The processes that cannot be loaded or deployed as they are; the log has the reasons, one
        error each.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
        StorageUnavailable: A store of code cannot be reached or denies access.
    """
    reasons = dict(registry.unavailable)
    for process in registry:
        if process.deployment is None:
            continue
        try:
            deployed = deploy(process)
        except ConfigurationError as error:
            reasons[process.id] = str(error)
        else:
            LOGGER.info("%s: version %s", deployed.name, deployed.version)
    for process_id, reason in reasons.items():
        LOGGER.error("the process '%s' is not deployed: %s", process_id, reason)
    return list(reasons)
