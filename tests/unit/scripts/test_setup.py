"""scripts/setup finds a uv and a Python that work; the programs here note what they are told."""

import base64
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
SCRIPTS = ("scripts/setup", "scripts/make-env")
SECRET_TOOLS = ("od", "tr", "base64", "mv", "rm")
REFUSES = "echo 'pyenv: the version is not installed' >&2; exit 127"
OLD_PYTHON = "exit 1"  # the answer to "are you 3.12 or newer"
UV = """
if [ "$1" = --version ]; then echo "uv {version} (x86_64)"; exit; fi
echo "{name} $*" >>"$LOG"
mkdir -p .venv/bin && ln -sf "$REAL_PYTHON" .venv/bin/python
"""
PYTHON = """
if [ "$1" = -m ]; then
  echo "python $*" >>"$LOG"
  mkdir -p .tools/bin && cp "$FAKE_PYTHON" .tools/bin/python && cp "$FAKE_UV" .tools/bin/uv
  exit
fi
case "$2" in *sys.executable*) echo "$0"; exit ;; esac
exec "$REAL_PYTHON" "$@"
"""


class Host:
    """A machine with nothing but the system's tools, on which programs can be put."""

    def __init__(self, root: Path) -> None:
        self.home, self.path, self.clone = root / "home", root / "bin", root / "clone"
        self.log = root / "log"
        for folder in (self.home, self.path, self.clone / "scripts"):
            folder.mkdir(parents=True)
        for tool in (
            "bash",
            "dirname",
            "cat",
            "cksum",
            "cut",
            "sort",
            "head",
            "ln",
            "mkdir",
            "cp",
            *SECRET_TOOLS,
        ):
            (self.path / tool).symlink_to(shutil.which(tool) or tool)
        for file in (*SCRIPTS, "pyproject.toml", "uv.lock", ".env.example"):
            shutil.copy(REPOSITORY / file, self.clone / file)
        self.python = self.put(root / "fake-python", PYTHON)
        self.uv = self.put(root / "fake-uv", UV.format(version="0.13.9", name="fetched-uv"))

    def put(self, path: Path, script: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)
        return path

    def command(self, name: str, script: str) -> None:
        """Put a program onto the PATH."""
        self.put(self.path / name, script)

    def in_pyenv(self) -> Path:
        """Put a new Python where only pyenv's shims would find it."""
        return self.put(self.home / ".pyenv/versions/3.12.1/bin/python", PYTHON)

    def setup(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.clone / "scripts" / "setup"],
            env={
                "HOME": str(self.home),
                "PATH": str(self.path),
                "LOG": str(self.log),
                "REAL_PYTHON": sys.executable,
                "FAKE_PYTHON": str(self.python),
                "FAKE_UV": str(self.uv),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_uv_alone_is_enough_and_may_fetch_python(host: Host) -> None:
    host.command("uv", UV.format(version="0.9.0", name="uv"))

    assert host.setup().returncode == 0
    assert host.done() == [
        "uv sync --quiet --locked --extra embedded --all-groups --compile-bytecode --python 3.12"
    ]


def test_a_python_that_pyenv_hides_is_given_to_uv(host: Host) -> None:
    host.command("uv", UV.format(version="0.9.0", name="uv"))
    host.command("python3", OLD_PYTHON)
    host.command("python3.12", REFUSES)
    python = host.in_pyenv()

    assert host.setup().returncode == 0
    assert host.done()[0].endswith(f" --python {python}")


@pytest.mark.parametrize("uv", [REFUSES, UV.format(version="0.4.30", name="old-uv"), None])
def test_without_a_working_uv_a_private_one_is_fetched(host: Host, uv: str | None) -> None:
    if uv is not None:
        host.command("uv", uv)
    host.command("python3", OLD_PYTHON)
    host.in_pyenv()

    done = host.setup()

    assert done.returncode == 0, done.stderr
    assert host.done()[-1].startswith("fetched-uv sync ")
    assert not list(host.home.glob("[!.]*")), "something was written into HOME"


def test_with_neither_it_says_what_is_missing(host: Host) -> None:
    host.command("uv", REFUSES)
    host.command("python3", OLD_PYTHON)

    missing = host.setup()

    assert missing.returncode == 1
    assert missing.stderr == (
        "Neither uv nor a Python from 3.12 to 3.14 was found: install one of them.\n"
    )


def test_nothing_is_done_twice_until_something_changes(host: Host) -> None:
    host.command("uv", UV.format(version="0.9.0", name="uv"))
    for _ in range(2):
        host.setup()
    assert len(host.done()) == 1

    with (host.clone / "uv.lock").open("a") as file:
        file.write("\n")
    host.setup()
    assert len(host.done()) == 2


def test_writes_random_settings_of_compose_once(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        host = Host(tmp_path / name)
        host.command("uv", UV.format(version="0.13.9", name="uv"))
        assert host.setup().returncode == 0
        written = host.clone / ".env"
        contents.append(written.read_text())
        assert written.stat().st_mode & 0o077 == 0
        assert host.setup().returncode == 0
        assert written.read_text() == contents[-1]
    first, second = (dict(re.findall(r"^([A-Z0-9_]+)=(.+)$", text, re.M)) for text in contents)
    secrets = {
        "POSTGRES_PASSWORD",
        "MINIO_ROOT_PASSWORD",
        "S3_SECRET_KEY",
        "PREFECT_AUTH_STRING",
        "PYGEOAPI_DEPLOYMENT_KEY",
        "PREFECT_ENCRYPTION_KEY",
    }
    assert {name for name in first if first[name] != second[name]} == secrets
    for name in secrets - {"PREFECT_ENCRYPTION_KEY"}:
        user = "pygeoapi:" if name == "PREFECT_AUTH_STRING" else ""
        assert re.fullmatch(f"{user}[0-9a-f]{{40}}", first[name])
    assert len(base64.urlsafe_b64decode(first["PREFECT_ENCRYPTION_KEY"])) == 32


def test_adds_secrets_that_an_older_file_lacks_and_changes_nothing_else(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.command("uv", UV.format(version="0.13.9", name="uv"))
    written = host.clone / ".env"
    kept = "# mine\nPOSTGRES_PASSWORD=a/b&c\n\nS3_SECRET_KEY=\nPYGEOAPI_PORT=80 # two\n"
    written.write_text(kept)
    written.chmod(0o640)

    said = host.setup().stdout

    added = (
        *("MINIO_ROOT_PASSWORD", "S3_SECRET_KEY"),
        *("PREFECT_AUTH_STRING", "PYGEOAPI_DEPLOYMENT_KEY", "PREFECT_ENCRYPTION_KEY"),
    )
    assert said.startswith(f"Added to .env: {' '.join(added)}\n")
    text = written.read_text()
    values = dict(re.findall(r"^([A-Z0-9_]+)=(.+)$", text, re.M))
    assert set(values) == {"POSTGRES_PASSWORD", "PYGEOAPI_PORT", *added}
    for name in added:
        assert len(values[name]) >= 40
        assert values[name] not in said
    added_lines = "".join(f"{name}=\n" for name in added if name != "S3_SECRET_KEY")
    without = re.sub(rf"^({'|'.join(added)})=.*$", r"\1=", text, flags=re.M)
    assert without == kept + added_lines
    assert written.stat().st_mode & 0o777 == 0o640
    assert not list(host.clone.glob(".env.[0-9]*"))
    host.setup()
    assert written.read_text() == text
