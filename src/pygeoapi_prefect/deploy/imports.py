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
ENVIRONMENT = frozenset({"TYPE_CHECKING", "version_info", "platform"})
"""Names in a condition that asks for the type checker, the Python or the system."""
DYNAMIC = frozenset({"import_module", "__import__"})


@dataclass(frozen=True)
class Import:
    """One import of a module.

    Attributes:
        modules: Absolute names of a module and of what may be one: of ``from a import b`` both
            ``a`` and ``a.b``.
        line: Line number.
        optional: Whether its failure is caught, or not every environment makes it.
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
        SyntaxError: It is not valid Python.
        ValueError: It has a null byte.
    """
    return list(_walk(ast.parse(source), package, optional=False))


def _walk(node: ast.AST, package: str, *, optional: bool) -> Iterator[Import]:
    for modules in _modules(node, package):
        yield Import(modules, getattr(node, "lineno", 0), optional)
    guarded = _guarded(node)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, package, optional=optional or child in guarded)


def _guarded(node: ast.AST) -> set[ast.AST]:
    """The parts of a statement in which an import may fail, or is not made everywhere.

    They are those of a ``try`` that catches the failure, with the fallback in its handler; of
    ``with suppress(ImportError)``; and of an ``if`` that asks for the Python or the system.
    """
    if isinstance(node, ast.Try | ast.TryStar):
        catching = [handler for handler in node.handlers if _catches(handler)]
        return {*node.body, *catching, *node.orelse} if catching else set()
    if isinstance(node, ast.With | ast.AsyncWith):
        return set(node.body) if any(_suppresses(item) for item in node.items) else set()
    if isinstance(node, ast.If) and _names(node.test) & ENVIRONMENT:
        return {*node.body, *node.orelse}
    return set()


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
    return handler.type is None or _is_import_error(handler.type)


def _suppresses(item: ast.withitem) -> bool:
    call = item.context_expr
    return (
        isinstance(call, ast.Call)
        and _last_name(call.func) == "suppress"
        and any(_is_import_error(one) for one in call.args)
    )


def _is_import_error(caught: ast.expr) -> bool:
    several = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(_last_name(one) in IMPORT_ERRORS for one in several)


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _names(test: ast.expr) -> set[str]:
    """All names and attributes in a condition."""
    return {
        _last_name(node) for node in ast.walk(test) if isinstance(node, ast.Name | ast.Attribute)
    }


def is_module_of(root: Path, name: str) -> bool:
    """Return true if a folder has a regular package or a module of that name."""
    return (root / name / "__init__.py").is_file() or (root / f"{name}.py").is_file()


def home(name: str, roots: Iterable[Path]) -> Path | None:
    """Return the folder of a top-level package or module that must be uploaded.

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
