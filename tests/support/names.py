"""Names that a stack of the tests can look up, and connections that it was refused.

See ``guard/sitecustomize.py``, which runs in the processes of the stack.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(tempfile.gettempdir(), f"pygeoapi-prefect-test-names-{os.getuid()}")
GUARD = Path(__file__).with_name("guard")
PYTHON_PATH = "PYTHONPATH"


def guarded(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment whose Python processes look up our names only, and stay on this machine."""
    FOLDER.mkdir(exist_ok=True)
    paths = [str(GUARD), environment.get(PYTHON_PATH, "")]
    return {
        **environment,
        PYTHON_PATH: os.pathsep.join(path for path in paths if path),
        "TEST_NAMES_FOLDER": str(FOLDER),
    }


def give(name: str, *answers: str) -> None:
    """Let a name have these answers, each some addresses; the last one is repeated."""
    (FOLDER / f"{name}.asked").unlink(missing_ok=True)
    (FOLDER / name).write_text("\n".join(answers), encoding="ascii")


def asked(name: str) -> int:
    """How often a name was looked up."""
    file = FOLDER / f"{name}.asked"
    return file.stat().st_size if file.exists() else 0


def refused() -> list[str]:
    """The addresses that the stack's processes wanted to connect to, and did not."""
    file = FOLDER / "refused"
    return file.read_text(encoding="ascii").splitlines() if file.exists() else []
