from pathlib import Path

import pytest

from pygeoapi_prefect.embedded import postgres
from pygeoapi_prefect.embedded.layout import SOCKET_NAME, SOCKET_PATH_LIMIT, Layout


def test_addresses_follow_from_the_ports() -> None:
    layout = Layout(Path("/state"), port=5001, prefect_port=4201)

    assert layout.url == "http://localhost:5001"
    assert layout.local_url == "http://127.0.0.1:5001"
    assert layout.prefect_url == "http://127.0.0.1:4201"
    assert layout.prefect_api_url == "http://127.0.0.1:4201/api"


def test_links_use_the_public_address() -> None:
    layout = Layout(Path("/state"), public_url="https://example.org/jobs")

    assert layout.url == "https://example.org/jobs"
    assert layout.local_url == "http://127.0.0.1:5000"


def test_the_socket_is_in_the_state_folder_when_its_path_fits() -> None:
    assert Layout(Path("/state")).socket_dir == Path("/state/socket")


@pytest.mark.parametrize("name", ["x" * 90, "é" * 45])
def test_a_long_path_gets_a_short_socket_folder_of_its_own(name: str) -> None:
    here, there = (Layout(Path("/") / parent / name).socket_dir for parent in ("here", "there"))

    assert here != there
    assert len(str(here / SOCKET_NAME).encode()) <= SOCKET_PATH_LIMIT


def test_all_data_is_below_the_state_folder(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "state")
    layout.make_folders()

    folders = {layout.logs, layout.prefect_home, layout.results, layout.code, layout.scratch}
    assert set((tmp_path / "state").iterdir()) == folders
    assert layout.database.parent == layout.state


def test_postgres_listens_on_its_socket_only() -> None:
    layout = Layout(Path("/state with space"))

    assert "listen_addresses=" in postgres.command(layout)
    assert "unix_socket_directories=/state with space/socket" in postgres.command(layout)
    assert postgres.connection_url(layout) == (
        "postgresql+asyncpg://postgres@/postgres?host=/state%20with%20space/socket"
    )


def test_the_bundled_programs_are_found() -> None:
    for name in ("initdb", "postgres", "pg_isready"):
        assert postgres.binary(name).is_file()
