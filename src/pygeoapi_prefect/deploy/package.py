"""Packages the files that a worker needs to run a flow, and versions them.

A flow in a package: the whole top-level package. In a module of its own: that file. In this
library: that file, for the library itself is installed wherever a worker is. With it goes what it
imports that is not installed (``shared``). Never the working directory.

A worker loads the flow's file as a top-level module and puts the file's folder first on
``sys.path`` (Prefect's file entrypoint), hence ``_check_names`` and ``_check_imports``.
"""

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import Flow

from pygeoapi_prefect.deploy.files import PackageError, ignored, read, tree
from pygeoapi_prefect.deploy.shared import check_imports, with_shared
from pygeoapi_prefect.engine.signatures import code_digest

LIBRARY = __name__.partition(".")[0]
GENERIC_FILE = "run_pygeoapi_process.py"
GENERIC_CODE = f"from {LIBRARY}.process.vanilla import run_processor  # noqa: F401\n".encode()
# Besides the standard library: hiding one of these would break every flow.
RESERVED = frozenset({"prefect", "pydantic", "pygeoapi", LIBRARY})


@dataclass(frozen=True)
class Package:
    """The code of one flow.

    Attributes:
        files: Content by path, relative to the folder that a worker runs in; with forward slashes.
        entrypoint: ``<path of the flow's file>:<name of the flow in it>``.
        version: Sixteen hexadecimal digits that change with any of it.
    """

    files: Mapping[str, bytes]
    entrypoint: str

    @property
    def version(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of all paths, contents and the entrypoint."""
        return _version(self.entrypoint, self.files)

    @property
    def digest(self) -> str:
        """Digest of all paths and contents, which is signed (``engine.signatures``)."""
        return code_digest((path, self.files[path]) for path in sorted(self.files))


@dataclass(frozen=True)
class _Source:
    """Source of an object: its file and module."""

    module: str
    file: Path

    @classmethod
    def of(cls, thing: Any, what: str) -> "_Source":
        try:
            file = inspect.getsourcefile(thing)
        except TypeError:
            file = None
        if file is None or thing.__module__ == "__main__" or not Path(file).is_file():
            raise PackageError(f"{what} is not defined in a Python file that can be uploaded")
        return cls(thing.__module__, Path(file).absolute())

    @property
    def top_level(self) -> str:
        return self.module.partition(".")[0]

    @property
    def in_package(self) -> bool:
        return "." in self.module or self.file.name == "__init__.py"

    @property
    def root(self) -> Path:
        """The folder that holds the top-level package or the module."""
        depth = self.module.count(".") + (self.file.name == "__init__.py")
        return self.file.parents[depth]


def collect(flow: Flow[..., Any], processor: type, ignore_file: Path | None = None) -> Package:
    """The files to upload for a flow.

    Parameters:
        flow: The flow that a worker is to run.
        processor: The processor class that the flow belongs to.
        ignore_file: File with gitignore patterns, relative to the folder that holds the package (as
            its patterns are). ``.prefectignore`` by default, if there is one. Hidden files and
            compiled ones are never uploaded.

    Raises:
        PackageError: Something in the code would keep it from running on a worker, such as an
            import of what is neither uploaded nor installed; or there is more than 64 MiB of it.
    """
    source = _Source.of(inspect.unwrap(flow.fn), f"the flow '{flow.name}'")
    name = _name_of(flow, source)
    if source.in_package and source.top_level != LIBRARY:
        _require_same_package(source, _Source.of(processor, processor.__name__))
        root = source.root
        paths = list(tree(root, source.top_level, ignored(root, ignore_file)))
    else:
        root = source.file.parent
        paths = [source.file.name, *_sibling(source, processor)]
    main = source.file.relative_to(root).as_posix()
    if main not in paths:
        raise PackageError(f"{main} holds the flow '{flow.name}', but the ignore file excludes it")
    _check_imports(source.file)
    return Package(_gathered(root, paths, main, ignore_file), f"{main}:{name}")


def collect_processor(processor: type) -> Package | None:
    """The files to upload for an unmodified pygeoapi process, which the generic flow runs.

    None for a processor of pygeoapi's own or of this library: workers have them installed.

    Raises:
        PackageError: As ``collect``.
    """
    source = _Source.of(processor, processor.__name__)
    if source.top_level in RESERVED:
        return None
    paths = (
        list(tree(source.root, source.top_level, ignored(source.root)))
        if source.in_package
        else [source.file.name]
    )
    gathered = _gathered(source.root, paths, source.file.relative_to(source.root).as_posix())
    # With a module as entrypoint a worker would not fetch the code, hence a file that imports it.
    files = {**gathered, GENERIC_FILE: GENERIC_CODE}
    return Package(files, f"{GENERIC_FILE}:run_processor")


def installed(flow: Flow[..., Any]) -> tuple[str, str]:
    """Module entrypoint and version of a flow that workers have installed.

    Raises:
        PackageError: The flow is not a module-level name of an importable module.
    """
    source = _Source.of(inspect.unwrap(flow.fn), f"the flow '{flow.name}'")
    entrypoint = f"{source.module}.{_name_of(flow, source)}"
    return entrypoint, _version(entrypoint, {source.module: source.file.read_bytes()})


def _gathered(
    root: Path, own: Iterable[str], main: str, ignore_file: Path | None = None
) -> dict[str, bytes]:
    """The process's own files and those of what it shares with others, by path."""
    places = with_shared(root, own, ignore_file)
    _check_names(main, places)
    check_imports(places, main)
    return read(places)


def _name_of(flow: Flow[..., Any], source: _Source) -> str:
    """The name that the flow has in its module: most often, but not always, the function's."""
    for name, value in vars(sys.modules[source.module]).items():
        if isinstance(value, Flow) and value.fn is flow.fn:
            return name
    raise PackageError(
        f"the flow '{flow.name}' must be assigned to a name at the top level of {source.file.name}"
    )


def _require_same_package(flow: _Source, processor: _Source) -> None:
    if flow.top_level != processor.top_level and processor.top_level != LIBRARY:
        raise PackageError(
            f"the flow is in the package '{flow.top_level}', its processor in "
            f"'{processor.module}': put both into one package"
        )


def _sibling(flow: _Source, processor: type) -> Iterator[str]:
    """The processor's file, if it is another than the flow's."""
    other = _Source.of(processor, processor.__name__)
    if LIBRARY in (flow.top_level, other.top_level) or other.file == flow.file:
        return
    if other.in_package or other.root != flow.root:
        raise PackageError(
            f"the flow is in the module '{flow.module}', its processor in '{other.module}': "
            "put both into one package or one folder"
        )
    yield other.file.name


def _check_names(main: str, paths: Iterable[str]) -> None:
    """Refuse files that would be imported in place of the standard library.

    Python searches the folder of the flow's file first, then the folder that holds the upload.
    """
    for folder in {Path(main).parent, Path()}:
        for path in paths:
            if not Path(path).is_relative_to(folder):
                continue
            first, *rest = Path(path).relative_to(folder).parts
            module = first.partition(".")[0]
            is_module = not rest and Path(first).suffix in (".py", ".so")
            is_package = rest == ["__init__.py"]
            if (is_module or is_package) and module in sys.stdlib_module_names | RESERVED:
                raise PackageError(
                    f"{path} would be imported in place of the module '{module}' of "
                    f"{'this stack' if module in RESERVED else 'the standard library'}: rename it"
                )


def _check_imports(file: Path) -> None:
    """Reject relative imports in the flow's own file: it is loaded without its package."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        raise PackageError(f"{file.name}: {error}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            raise PackageError(
                f"{file.name}, line {node.lineno}: relative imports do not work, because a worker "
                "loads the flow's "
                "file without its package; use an absolute import"
            )


def _version(entrypoint: str, files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(entrypoint.encode())
    for path in sorted(files):
        for part in (path.encode(), files[path]):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
    return digest.hexdigest()[:16]
