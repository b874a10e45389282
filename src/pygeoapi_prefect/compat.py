"""Module names of the 2023 design, kept importable.

Flows and processors written for it say ``from pygeoapi.models import processes`` and
``from pygeoapi.process import exceptions``; pygeoapi itself never had these modules. A finder at
the end of ``sys.meta_path`` answers for them with the modules of this package. So classes are the
same under every name, and a module that pygeoapi should get one day wins.

Every import of ``pygeoapi`` loads its plugins first, among them this package: the names work from
the first import on, in the web process, in a worker and in a plain ``python -c``. (One gap, of the
import system: a thread that asks for such a name while another thread is in the middle of the very
first ``import pygeoapi`` does not wait for it.)
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType
from typing import override

from pygeoapi_prefect.models import reference

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "pygeoapi.models.base": "pygeoapi_prefect.models.base",
        "pygeoapi.models.processes": "pygeoapi_prefect.models.processes",
        "pygeoapi.process.exceptions": "pygeoapi_prefect.errors",
    }
)
"""Module name of the 2023 design -> the module that stands behind it."""


class AliasFinder(MetaPathFinder, Loader):
    """Finds and loads the modules of ``ALIASES``."""

    @override
    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        real = ALIASES.get(fullname)
        return None if real is None else ModuleSpec(fullname, self, origin=real)

    @override
    def exec_module(self, module: ModuleType) -> None:
        # The import system goes on with what it finds under the name, and binds that in the parent.
        sys.modules[module.__name__] = import_module(ALIASES[module.__name__])


def install() -> None:
    """Make the aliases importable, and execute requests readable by reference; once is enough."""
    if not any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        sys.meta_path.append(AliasFinder())
    reference.register_loader(_read_reference)


def _read_reference(text: str) -> str:
    from pygeoapi_prefect.storage import read_reference  # needs Prefect: only when one is met

    return read_reference(text)
