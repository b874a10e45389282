"""The secret of Prefect's API: made once, kept, and readable for nobody else."""

import base64
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from pygeoapi_prefect.embedded import credentials
from pygeoapi_prefect.embedded.errors import EmbeddedError
from pygeoapi_prefect.embedded.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path, prefect_port=4201)


def test_each_folder_has_a_secret_of_its_own(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one = credentials.prepared(layout).auth_string
    other = credentials.prepared(replace(layout, state=tmp_path / "other")).auth_string
    assert one != other
    user, password = credentials.basic(one)
    assert user == "pygeoapi"
    assert len(password) >= 43  # 256 bits
    assert one == f"{user}:{password}"
    assert len(credentials.prepared(layout).deployment_key) >= 43


def test_it_is_kept_when_the_ports_change(layout: Layout, tmp_path: Path) -> None:
    first = credentials.prepared(layout)
    second = credentials.prepared(replace(layout, prefect_port=4999))
    assert second.auth_string == first.auth_string
    assert second.deployment_key == first.deployment_key
    assert (tmp_path / "prefect.env").read_text() == (
        "PREFECT_API_URL=http://127.0.0.1:4999/api\n"
        f"PREFECT_API_AUTH_STRING={first.auth_string}\n"
        f"PYGEOAPI_DEPLOYMENT_KEY={first.deployment_key}\n"
    )


def test_nobody_else_may_read_the_file(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "prefect.new").write_text("left over, and readable for all")
    (tmp_path / "prefect.env").write_text("PREFECT_API_AUTH_STRING=mine:kept\n")
    (tmp_path / "prefect.env").chmod(0o644)

    assert credentials.prepared(layout).auth_string == "mine:kept"

    assert (tmp_path / "prefect.env").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["prefect.env"]


def test_a_shell_reads_it(layout: Layout, tmp_path: Path) -> None:
    made = credentials.prepared(layout)
    script = 'set -a; . "$1"/prefect.env; printenv PREFECT_API_URL PREFECT_API_AUTH_STRING'
    said = subprocess.run(
        ["sh", "-c", script, "sh", tmp_path], capture_output=True, text=True, check=True
    ).stdout
    assert said.splitlines() == ["http://127.0.0.1:4201/api", made.auth_string]


@pytest.mark.parametrize(
    "text",
    [
        *("PREFECT_API_AUTH_STRING=\n", "PREFECT_API_AUTH_STRING=password\n"),
        *("PREFECT_API_AUTH_STRING=a:b c\n", "PREFECT_API_AUTH_STRING='a:b'\n"),
    ],
)
def test_a_damaged_file_is_named(layout: Layout, tmp_path: Path, text: str) -> None:
    (tmp_path / "prefect.env").write_text(text)
    with pytest.raises(EmbeddedError, match=r"prefect\.env has no valid PREFECT_API_AUTH_STRING"):
        credentials.prepared(layout)


def test_a_short_key_is_named(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "prefect.env").write_text("PYGEOAPI_DEPLOYMENT_KEY=short\n")
    with pytest.raises(EmbeddedError, match="no valid PYGEOAPI_DEPLOYMENT_KEY"):
        credentials.prepared(layout)


def test_a_folder_without_a_stack_has_none(tmp_path: Path) -> None:
    assert credentials.read(tmp_path) == {}


def test_it_is_not_printed_with_the_layout(layout: Layout) -> None:
    made = credentials.prepared(layout)
    assert made.auth_string not in repr(made)
    assert made.deployment_key not in repr(made)


def test_the_header_of_a_request_has_the_secret_as_prefect_compares_it(layout: Layout) -> None:
    auth = httpx.BasicAuth(*credentials.basic("user:pass:word"))
    request = next(auth.auth_flow(httpx.Request("GET", "http://127.0.0.1")))
    assert base64.b64decode(request.headers["Authorization"].split()[1]) == b"user:pass:word"
