"""Creates runs of deployed flows; the identifiers of deployments are read once per process."""

import threading
from collections.abc import Callable

from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import deployments, runs
from pygeoapi_prefect.errors import DeploymentNotFound


class DeployedFlows:
    """Deployments with their identifiers; one instance serves all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[tuple[str, str], str] = {}

    def create_run(self, flow: str, deployment: str, create: Callable[[str], runs.Run]) -> runs.Run:
        """Queue a run of the deployment ``<flow>/<deployment>``.

        Args:
            flow: Name of the flow.
            deployment: Name of the deployment.
            create: Creates the run; called with the identifier of the deployment, and again with
                the new identifier if the deployment was replaced after it was read.

        Raises:
            DeploymentNotFound: There is no such deployment.
            EngineUnavailable: Prefect cannot be reached.
        """
        key = flow, deployment
        try:
            return create(self._id(key))
        except ObjectNotFound:  # its identifier has changed
            with self._lock:
                self._ids.pop(key, None)
            return create(self._id(key))

    def _id(self, key: tuple[str, str]) -> str:
        with self._lock:
            known = self._ids.get(key)
        if known:
            return known
        found = deployments.find_id(*key)
        if found is None:
            raise DeploymentNotFound(f"there is no deployment {'/'.join(key)}")
        with self._lock:
            self._ids[key] = found
        return found
