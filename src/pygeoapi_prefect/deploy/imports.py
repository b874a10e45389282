"""Imports of a process, read from its source without running it.

An import by name is found wherever it stands, also in a function, and so are
``importlib.import_module`` and ``__import__`` of a literal. Names that are made at run time cannot
be; what they lead to is uploaded only if it lies in a package that is.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

SITE = frozenset({"site-packages", "dist-packages"})
BUILT_IN = frozenset({"built-in", "frozen"})
IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
DYNAMIC = frozenset({"import_module", "__import__"})


@dataclass(frozen=True)
class Import:
    """One import of a module.

    Attributes:
        modules: Absolute names of a module and of what may be one: of ``from a import b`` both
            ``a`` and ``a.b``.
        line: Line number.
        optional: Whether its failure is caught, or only type checkers see it.
    """

    modules: tuple[str, ...]
    line: int
    optional: bool

    @property
    def top_level(self) -> str:
        """Name of the top-level package or module."""
        return self.modules[0].partition(".")[0]


def imports_of(source: bytes, package: str = "") -> list[Import]:
    """All imports of a module, in no particular order.

    Args:
        source: The module's source.
        package: Name of the package that relative imports start from.

    Raises:
        SyntaxError: It is no Python.
        ValueError: It has a null byte.
    """
    return list(_walk(ast.parse(source), package, optional=False))


def _walk(node: ast.AST, package: str, *, optional: bool) -> Iterator[Import]:
    for modules in _modules(node, package):
        yield Import(modules, getattr(node, "lineno", 0), optional)
    guarded: set[ast.stmt] = set(node.body) if _is_guard(node) else set()  # type: ignore[attr-defined]
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, package, optional=optional or child in guarded)


def _is_guard(node: ast.AST) -> bool:
    """Return true if an import in a statement's body may fail, or is not made at run time."""
    if isinstance(node, ast.Try):
        return any(_catches(handler) for handler in node.handlers)
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _modules(node: ast.AST, package: str) -> list[tuple[str, ...]]:
    if isinstance(node, ast.Import):
        return [(alias.name,) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1]
            base = ".".join([*above, *([base] if base else [])])
        return [(base, *(f"{base}.{alias.name}" for alias in node.names))] if base else []
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        name = called.id if isinstance(called, ast.Name) else called
        wanted = node.args[0].value
        if name in DYNAMIC and isinstance(wanted, str) and wanted and not wanted.startswith("."):
            return [(wanted,)]
    return []


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(one).rpartition(".")[2] in IMPORT_ERRORS for one in caught)


def is_module_of(root: Path, name: str) -> bool:
    """Return true if a folder has a regular package or a module of that name."""
    return (root / name / "__init__.py").is_file() or (root / f"{name}.py").is_file()


def home(name: str, roots: Iterable[Path]) -> Path | None:
    """The folder that holds a top-level package or module which is to be uploaded.

    Args:
        name: Name of the package or module.
        roots: Folders to look in before all others.

    Returns:
        None for what belongs to the environment: the standard library, or an installed library.

    Raises:
        ModuleNotFoundError: There is none of that name.
    """
    if name in sys.stdlib_module_names:
        return None
    for root in roots:
        if is_module_of(root, name):
            return root
    spec = _spec(name)
    if spec is None:
        raise ModuleNotFoundError(name)
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    if spec.origin in BUILT_IN or (not places and spec.origin is None):
        return None
    places = places or [Path(str(spec.origin))]
    if any(SITE & set(place.parts) for place in places) or name in _distributed():
        return None
    return places[0].absolute().parent


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, ValueError):  # a broken finder, or a module that has no spec
        return None


@cache
def _distributed() -> frozenset[str]:
    """Top-level names of installed distributions, those that are installed in place included."""
    return frozenset(packages_distributions())


def files_of(root: Path, modules: Iterable[str]) -> Iterator[str]:
    """Paths of the source files that an import of these modules runs, relative to the root."""
    for module in modules:
        parts = module.split(".")
        for depth in range(1, len(parts) + 1):
            here = "/".join(parts[:depth])
            for path in (f"{here}/__init__.py", f"{here}.py"):
                if (root / path).is_file():
                    yield path


def package_of(path: str) -> str:
    """Name of the package that relative imports of a file start from."""
    return ".".join(Path(path).parts[:-1])
