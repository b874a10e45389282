"""Every room says by which tests it is proved, and a unit test lies where its module does."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/pygeoapi_prefect"
UNIT = ROOT / "tests/unit"
ROOMS = sorted(file for file in PACKAGE.rglob("README.md"))
SEVERAL = {
    "cli/test_arguments.py": "all commands, as an operator calls them",
    "examples/test_greetings.py": "both greetings, which share their flow",
    "jobs/test_callback_documents.py": "what a subscriber is sent, from outputs to bytes",
    "models/test_models_in_prefect.py": "all models, as parameters and results of flows",
    "storage/test_full_store.py": "stores, outputs and probes on a disk that is full",
    "web/test_without_prefect.py": "the whole application while Prefect is down",
}
"""Tests of several modules together, with the reason."""
ELSEWHERE = {"bench": ROOT / "bench", "flows": ROOT / "flows", "scripts": ROOT / "scripts"}
"""Folders of ``tests/unit`` whose code is not in the package."""


def proofs(readme: Path) -> list[str]:
    """The tests that the last paragraph of a room's README names; none if it names none."""
    *_, last = readme.read_text().strip().split("\n\n")
    if not last.startswith("Proved by: "):
        return []
    return re.findall(r"`(tests/[^`]+)`", last)


def is_beside_its_module(test: Path) -> bool:
    """Return true if ``a/test_b.py`` has a module ``a/b.py``, a package ``a/b`` or is of ``a``."""
    folder, name = test.parent, test.stem.removeprefix("test_")
    room = PACKAGE / folder
    named = {room / f"{name}.py", room / f"__{name}__.py", room / name / "__init__.py"}
    return any(file.is_file() for file in named) or (room.name == name and room.is_dir())


def unit_tests() -> list[Path]:
    """All unit tests of the package, relative to ``tests/unit``."""
    found = (file.relative_to(UNIT) for file in UNIT.rglob("test_*.py"))
    return sorted(file for file in found if file.parts[0] not in ELSEWHERE)


@pytest.mark.parametrize("readme", ROOMS, ids=lambda file: str(file.parent.relative_to(PACKAGE)))
def test_a_room_names_its_proofs_and_they_exist(readme: Path) -> None:
    named = proofs(readme)
    assert named, "the README must end with a paragraph 'Proved by: `tests/...`, ...'"
    missing = [path for path in named if not (ROOT / path).exists()]
    assert not missing, f"{readme.relative_to(ROOT)} names tests that do not exist: {missing}"


def test_unit_tests_mirror_the_package() -> None:
    strays = [
        file.as_posix()
        for file in unit_tests()
        if file.as_posix() not in SEVERAL and not is_beside_its_module(file)
    ]
    assert not strays, f"no module of {PACKAGE.name} has the name of {strays}"


def test_the_exceptions_are_needed() -> None:
    for name in SEVERAL:
        assert (UNIT / name).is_file(), f"{name} does not exist"
        assert not is_beside_its_module(Path(name)), f"{name} is no exception"
    for name, folder in ELSEWHERE.items():
        assert folder.is_dir()
        assert (UNIT / name).is_dir()
        assert not (PACKAGE / name).exists()


def test_a_stray_test_and_a_readme_without_proofs_are_noticed(tmp_path: Path) -> None:
    assert is_beside_its_module(Path("web/test_pages.py"))
    assert is_beside_its_module(Path("bootstrap/test_main.py"))
    assert is_beside_its_module(Path("outgoing/test_outgoing.py"))
    assert not is_beside_its_module(Path("web/test_nothing.py"))
    assert not is_beside_its_module(Path("nowhere/test_nowhere.py"))
    readme = tmp_path / "README.md"
    readme.write_text("# room\n\nProved by: `tests/unit/web`.\n\nMore.\n")
    assert proofs(readme) == []
    readme.write_text("# room\n\nProved by: `tests/unit/web`,\n`tests/no`.\n")
    assert proofs(readme) == ["tests/unit/web", "tests/no"]
