"""The commands ``pygeoapi plugins prefect ...``.

Loaded by every ``import pygeoapi``: nothing here imports Prefect or the rest of this library at
module level, only inside the commands.
"""

# They add their commands to the group.
from pygeoapi_prefect.cli import infrastructure, keys, processes
from pygeoapi_prefect.cli.group import root

__all__ = ["infrastructure", "keys", "processes", "root"]
