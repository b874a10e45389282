"""pygeoapi's undocumented helpers that layers below ``web`` use; ``web.core`` has those of ``web``.

Only these two modules import anything of pygeoapi but its documented plugin interface
(``pygeoapi.process.base``, ``pygeoapi.process.manager.base``, ``pygeoapi.error``).
``tests/contracts/test_pygeoapi.py`` holds each name against the installed version. pygeoapi itself
imports this package: import this module within functions where pygeoapi may not be loaded yet.
"""

import os
from typing import IO, Any

from pygeoapi import plugin, util
from pygeoapi.util import JobStatus, RequestedProcessExecutionMode, Subscriber

__all__ = [
    "JobStatus",
    "RequestedProcessExecutionMode",
    "Subscriber",
    "base_url",
    "configuration",
    "json_default",
    "load_process",
    "read_yaml",
]

CONFIG_VARIABLE = "PYGEOAPI_CONFIG"


def configuration() -> dict[str, Any]:
    """The whole configuration that pygeoapi was started with; empty if it was started without."""
    if not os.environ.get(CONFIG_VARIABLE):
        return {}
    from pygeoapi.config import get_config  # with the command line's libraries: only when needed

    config: dict[str, Any] = get_config()
    return config


def read_yaml(file: IO[str]) -> object:
    """Read YAML with pygeoapi's ``${VARIABLE:-default}``.

    Raises:
        OSError: A variable is not set and has no default.
        yaml.YAMLError: The text is not YAML.
    """
    loaded: object = util.yaml_load(file)
    return loaded


def base_url(config: dict[str, Any]) -> str:
    """``server.url`` with the prefix of ``server.api_rules``, its version numbers filled in."""
    return str(util.get_base_url(config))


def load_process(definition: dict[str, Any]) -> Any:
    """Import and make the processor that a ``processor`` mapping names."""
    return plugin.load_plugin("process", definition)


def json_default(value: object) -> Any:
    """Convert a value that ``json`` cannot encode, as pygeoapi does; for ``json.dumps(default=)``.

    Raises:
        TypeError: There is no conversion.
    """
    return util.json_serial(value)
