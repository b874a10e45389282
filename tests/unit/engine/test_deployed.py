"""Identifiers of deployments are read once, and again if a deployment was made anew."""

from typing import Any, cast

import pytest
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import deployments
from pygeoapi_prefect.engine.deployed import DeployedFlows
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import DeploymentNotFound


class Deployments:
    """Stands in for Prefect: one deployment, whose identifier may change."""

    def __init__(self) -> None:
        self.id: str | None = "1"
        self.reads = 0

    def find_id(self, flow: str, name: str) -> str | None:
        assert (flow, name) == ("f", "d")
        self.reads += 1
        return self.id

    def create(self, deployment: str) -> Run:
        if deployment != self.id:
            raise ObjectNotFound(cast(Any, None))
        return cast(Run, f"run of {deployment}")


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Deployments:
    made = Deployments()
    monkeypatch.setattr(deployments, "find_id", made.find_id)
    return made


def test_an_identifier_is_read_once(prefect: Deployments) -> None:
    deployed = DeployedFlows()
    for _ in range(3):
        assert cast(str, deployed.create_run("f", "d", prefect.create)) == "run of 1"
    assert prefect.reads == 1


def test_a_deployment_that_was_made_anew_is_found(prefect: Deployments) -> None:
    deployed = DeployedFlows()
    deployed.create_run("f", "d", prefect.create)
    prefect.id = "2"
    assert cast(str, deployed.create_run("f", "d", prefect.create)) == "run of 2"
    assert prefect.reads == 2


def test_a_deployment_that_was_deleted_is_missed(prefect: Deployments) -> None:
    deployed = DeployedFlows()
    deployed.create_run("f", "d", prefect.create)
    prefect.id = None
    with pytest.raises(DeploymentNotFound, match="f/d"):
        deployed.create_run("f", "d", prefect.create)
