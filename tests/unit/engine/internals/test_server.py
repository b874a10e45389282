"""What reaches Prefect's server, and what is rejected before."""

import asyncio
from typing import Any

import httpx
import pytest

from pygeoapi_prefect.engine.internals.server import Checked

ORIGINS = ["http://127.0.0.1:4200", " https://prefect.example.org"]


async def _application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"reached"})


@pytest.fixture
def checked() -> Checked:
    return Checked(_application, ORIGINS)


async def _status(app: Checked, headers: dict[str, str] | list[tuple[str, str]]) -> int:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4200") as client:
        return (await client.post("/api/flows/", headers=headers)).status_code


def status(app: Checked, headers: dict[str, str] | list[tuple[str, str]]) -> int:
    return asyncio.run(_status(app, headers))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:4200", "127.0.0.1:81", "prefect.example.org"),
        *("PREFECT.example.org:443",),
    ],
)
def test_a_known_host_is_answered_at_any_port(checked: Checked, host: str) -> None:
    assert status(checked, {"Host": host}) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.org", "evil.example.org:4200", "127.0.0.1.evil.example.org"),
        *("", "localhost", "[::1]:4200", "[", "prefect.example.org@evil.example.org"),
        *("127.0.0.1, evil.example.org", "*"),
    ],
)
def test_another_host_is_rejected(checked: Checked, host: str) -> None:
    assert status(checked, {"Host": host}) == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:4200", "HTTPS://prefect.example.org"])
def test_a_page_of_the_ui_may_send_requests(checked: Checked, origin: str) -> None:
    assert status(checked, {"Origin": origin}) == 200


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example.org", "http://127.0.0.1:8080", "https://127.0.0.1:4200"),
        *("null", "", "http://prefect.example.org"),
    ],
)
def test_a_page_of_another_origin_may_not(checked: Checked, origin: str) -> None:
    assert status(checked, {"Origin": origin}) == 403


def test_all_origins_of_a_request_count(checked: Checked) -> None:
    both = [("Origin", "http://127.0.0.1:4200"), ("Origin", "http://evil.example.org")]
    assert status(checked, both) == 403


@pytest.mark.parametrize("origins", [["*"], [""], [], ["http://127.0.0.1:4200", "prefect"]])
def test_a_server_for_every_origin_is_not_made(origins: list[str]) -> None:
    with pytest.raises(ValueError, match="PREFECT_SERVER_CORS_ALLOWED_ORIGINS must list"):
        Checked(_application, origins)


def test_what_is_no_request_is_passed_on(checked: Checked) -> None:
    """The server starts and stops by messages without headers."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(checked({"type": "lifespan"}, None, send))
    assert sent[0]["status"] == 200
