"""Networks of a Compose stack that are cut and joined again while its containers run."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from support.compose import ComposeStack

SHARED = "back"
"""The network of the store, of Prefect, and of those that use them."""


@contextmanager
def cut(stack: ComposeStack, network: str, service: str) -> Iterator[None]:
    """Take a service out of a network meanwhile."""
    container = stack.container(service)["Id"]
    stack.run("docker", "network", "disconnect", network, container)
    try:
        yield
    finally:
        join(stack, network, service)


def join(stack: ComposeStack, network: str, service: str) -> None:
    """Let a service be found in a network under its own name."""
    container = stack.container(service)["Id"]
    stack.run("docker", "network", "connect", "--alias", service, network, container)


@contextmanager
def pairs(stack: ComposeStack, service: str, others: Sequence[str]) -> Iterator[dict[str, str]]:
    """Replace the shared network of a service by one for each of the others that it talks to.

    Yields:
        The network of each of the others.
    """
    networks = {other: f"{stack.project}_{service}_{other}" for other in others}
    with ExitStack() as exits:
        for other, network in networks.items():
            stack.run("docker", "network", "create", "--internal", network)
            exits.callback(stack.run, "docker", "network", "rm", network)
            for member in (service, other):
                join(stack, network, member)
                container = stack.container(member)["Id"]
                line = ("docker", "network", "disconnect", "--force", network, container)
                exits.callback(stack.run, *line)
        with cut(stack, f"{stack.project}_{SHARED}", service):
            yield networks
