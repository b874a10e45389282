import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from pygeoapi_prefect.embedded import cli
from pygeoapi_prefect.embedded.errors import EmbeddedError
from pygeoapi_prefect.embedded.layout import Layout


def test_once_and_detach_exclude_each_other(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.touch()
    result = CliRunner().invoke(
        cli.main, ["start", "--once", "--detach", "--config", str(config), "--state", "x"]
    )

    assert result.exit_code == 2
    assert "--once and --detach cannot be combined" in result.output


def test_the_supervisor_in_the_background_gets_the_same_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Layout] = []
    monkeypatch.setattr(cli, "run", lambda layout, **_: seen.append(layout))
    config = tmp_path / "config.yml"
    config.touch()
    flows = (tmp_path / "a", tmp_path / "b")
    layout = Layout(tmp_path, 5001, 4201, config, flows, "https://example.org")

    result = CliRunner().invoke(cli.main, ["start", *cli.arguments(layout)])

    assert result.exit_code == 0, result.output
    assert seen == [layout]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_is_noticed(address: str) -> None:
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not cli.is_free(port)
        with pytest.raises(EmbeddedError, match=f"Port {port} .* --prefect-port"):
            cli.refuse_used_ports(Layout(Path("/state"), free_port(), port))
    assert cli.is_free(port)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
