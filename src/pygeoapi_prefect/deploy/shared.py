"""Packages and modules beside a process's own that several processes share.

They lie in the folder of the process's package, or in another folder that Python imports from, and
are installed nowhere: a worker would not find them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from pygeoapi_prefect.deploy.files import PackageError, ignored, tree
from pygeoapi_prefect.deploy.imports import Import, files_of, home, imports_of, package_of

LIBRARY = __name__.partition(".")[0]
Places = Mapping[str, Path]
"""The folder that each path is relative to."""


def with_shared(root: Path, own: Iterable[str], ignore_file: Path | None = None) -> dict[str, Path]:
    """The files of a process and of all that they import, and so on, but is not installed.

    Imports are taken from every source file, for a part of a package may be loaded by a name that
    is made at run time.

    Args:
        root: Folder that holds the process's package or module.
        own: Its files, relative to that folder.
        ignore_file: File with patterns of what is not uploaded, relative to the root.

    Raises:
        PackageError: A shared package has a link to elsewhere.
    """
    places = dict.fromkeys(own, root)
    known = {_top_level(path) for path in places}
    pending = list(places)
    while pending:
        path = pending.pop()
        for found in _imports(places[path], path):
            name = found.top_level
            if name in known:
                continue
            known.add(name)
            where = _home(name, root)
            if where is not None:
                left_out = ignored(where, ignore_file if where == root else None)
                shared = _files(where, name, left_out)
                places |= dict.fromkeys(shared, where)
                pending += shared
    return places


def check_imports(places: Places, main: str) -> None:
    """Follow the imports from a process's main file: each must be found on a worker.

    An import whose failure is caught may lead nowhere.

    Raises:
        PackageError: One is neither uploaded nor installed, or another module would be taken for
            it; names the file, the line and the module.
    """
    uploaded = {_top_level(path) for path in places}
    beside = _beside(main, places)
    pending, seen = [main], {main}
    while pending:
        path = pending.pop()
        for found in _imports(places[path], path, strict=True):
            name = found.top_level
            if name in beside:
                raise PackageError(
                    f"{beside[name]} would be imported in place of '{name}', which {path}, line "
                    f"{found.line} imports: rename it (a worker looks in the folder of the flow's "
                    "file first)"
                )
            if name in uploaded:
                _require_uploaded(found, path, places)
                root = next(where for file, where in places.items() if _top_level(file) == name)
                new = {file for file in files_of(root, found.modules) if file in places} - seen
                seen |= new
                pending += new
            elif not found.optional:
                _require_installed(found, path, places[path])


def _require_uploaded(found: Import, path: str, places: Places) -> None:
    here = found.modules[0].replace(".", "/")
    there = any(file.startswith((f"{here}.", f"{here}/")) for file in places)
    if not there and not found.optional:
        raise PackageError(
            f"{path}, line {found.line} imports '{found.modules[0]}', which is not uploaded: it "
            "does not exist or is ignored"
        )


def _require_installed(found: Import, path: str, root: Path) -> None:
    try:
        home(found.top_level, [root])
    except ModuleNotFoundError:
        raise PackageError(
            f"{path}, line {found.line} imports '{found.top_level}', which is neither uploaded "
            "with the "
            "process nor installed: every job would fail (catch ImportError if it is optional)"
        ) from None


def _home(name: str, root: Path) -> Path | None:
    """The folder of a module that must be uploaded; None if it is installed or does not exist."""
    if name == LIBRARY:
        return None
    try:
        return home(name, [root])
    except ModuleNotFoundError:
        return None


def _files(root: Path, name: str, left_out: GitIgnoreSpec) -> list[str]:
    if (root / name).is_dir():
        return list(tree(root, name, left_out))
    return [f"{name}.py"]


def _imports(root: Path, path: str, *, strict: bool = False) -> list[Import]:
    if not path.endswith(".py"):
        return []
    try:
        return imports_of((root / path).read_bytes(), package_of(path))
    except (SyntaxError, ValueError, OSError) as error:
        if strict:
            raise PackageError(f"{path}: {error}") from error
        return []  # a template, or what is never imported


def _beside(main: str, places: Places) -> dict[str, str]:
    """Modules in the folder of the flow's file, unless that is where the upload begins."""
    folder = PurePosixPath(main).parent
    found = {}
    for path in places if folder.parts else ():
        if not PurePosixPath(path).is_relative_to(folder):
            continue
        first, *rest = PurePosixPath(path).relative_to(folder).parts
        if (not rest and first.endswith((".py", ".so"))) or rest == ["__init__.py"]:
            found[first.partition(".")[0]] = path
    return found


def _top_level(path: str) -> str:
    return PurePosixPath(path).parts[0].partition(".")[0]
