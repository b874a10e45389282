"""The command group and what its commands share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pygeoapi_prefect.process.registry import Registry


@click.group(name="prefect")
def root() -> None:
    """Deploy processes to Prefect, and create the pools and blocks that they need."""


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-c/--pygeoapi-config``, which the environment variable PYGEOAPI_CONFIG also sets."""
    return click.option(
        "-c",
        "--pygeoapi-config",
        "config",
        required=True,
        envvar="PYGEOAPI_CONFIG",
        show_envvar=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="pygeoapi's configuration file.",
    )(command)


def read_registry(config: Path) -> "Registry":
    """The configured processes.

    Raises:
        ConfigurationError: The configuration is not as it must be; says where.
    """
    from pygeoapi_prefect.config import Settings, load_config
    from pygeoapi_prefect.process.registry import Registry

    return Registry(Settings.from_config(load_config(config)))


@contextmanager
def explained_errors() -> Iterator[None]:
    """End the command with exit code 1 and one line that an operator can act on."""
    from pygeoapi_prefect.errors import StackError

    try:
        yield
    except StackError as error:
        raise click.ClickException(explain(error)) from error


@contextmanager
def prefect_api() -> Iterator[None]:
    """As ``explained_errors``, for work that needs a Prefect server that stays."""
    from pygeoapi_prefect.engine.client import api_url

    if api_url() is None:
        # Prefect would start a temporary server for this command, and lose its data.
        raise click.ClickException(where_prefect_is())
    with explained_errors():
        yield


def explain(error: BaseException) -> str:
    """The message of an error with its cause, which is for operators, not for clients."""
    from pygeoapi_prefect.errors import EngineUnavailable

    text = str(error)
    if error.__cause__ is not None and (cause := str(error.__cause__)) and cause not in text:
        text += f" ({cause})"
    if isinstance(error, EngineUnavailable):
        text += f". {where_prefect_is()}"
    return text


def where_prefect_is() -> str:
    """The address of Prefect's API as configured, for error messages."""
    from pygeoapi_prefect.engine.client import api_url

    url = api_url()
    if url is None:
        return (
            "PREFECT_API_URL is not set: set it to the address of Prefect's API, "
            "for example http://127.0.0.1:4200/api"
        )
    return f"PREFECT_API_URL is {url}: is the Prefect server running there?"
