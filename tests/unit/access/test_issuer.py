"""An issuer's keys: when they are fetched, and what happens when they cannot be."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pygeoapi_prefect.access import issuer as module
from pygeoapi_prefect.access.issuer import Issuer, IssuerUnavailable
from support.issuer import DISCOVERY, JWKS, new_key
from support.issuer import Issuer as Provider
from support.polling import wait_for

ORIGIN = "http://127.0.0.1:1"


class World:
    """An issuer, and what it is asked for; the time passes when a test says so."""

    def __init__(self) -> None:
        self.provider = Provider(1)
        self.time = 100.0
        self.is_away = False
        self.answer: Callable[[str], None] = lambda _: None
        self.issuer = Issuer(self.provider.url, self.fetch, lambda: self.time)

    def fetch(self, address: str) -> bytes:
        self.provider.asked.append(address)
        self.answer(address)
        if self.is_away:
            raise OSError("connection refused")
        return json.dumps(self.provider.documents()[address.removeprefix(ORIGIN)]).encode()

    @property
    def fetches(self) -> int:
        return self.provider.asked.count(ORIGIN + DISCOVERY)

    def knows(self, kid: str | None) -> bool:
        return self.issuer.key(kid) is not None


@pytest.fixture
def world() -> World:
    return World()


def test_the_keys_are_fetched_once_and_at_the_first_token(world: World) -> None:
    assert world.provider.asked == []
    assert all(world.knows("first") for _ in range(3))
    assert world.provider.asked == [ORIGIN + DISCOVERY, ORIGIN + JWKS]
    assert world.knows(None)


def test_an_unknown_key_causes_a_fetch_once_a_minute(world: World) -> None:
    assert world.knows("first")
    world.provider.keys.append(new_key("second"))
    assert world.knows("second")  # a rotation takes effect with the first token
    assert world.fetches == 2
    world.provider.keys.append(new_key("third"))
    for _ in range(20):
        assert not world.knows("third")
        assert not world.knows("nonsense")
    assert world.fetches == 2
    world.time += module.REFETCH_SECONDS
    assert world.knows("third")
    assert world.fetches == 3
    assert not world.knows(None)  # of several keys; no fetch could tell which
    assert world.fetches == 3


def test_while_the_issuer_is_away_known_keys_stay_valid_and_others_are_unavailable(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    assert world.knows("first")
    world.is_away = True
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            world.issuer.key("second")
        assert world.knows("first")
    assert world.fetches == 2
    world.is_away = False
    world.provider.keys.append(new_key("second"))
    world.time += module.REFETCH_SECONDS
    assert world.knows("second")
    assert caplog.messages == [
        f"the issuer {world.provider.url} is not available: connection refused; "
        "the keys that are known stay valid",
        f"the issuer {world.provider.url} is available again",
    ]


def test_an_issuer_that_is_away_at_first_is_asked_again_soon(world: World) -> None:
    world.is_away = True
    for _ in range(5):
        with pytest.raises(IssuerUnavailable) as caught:
            world.issuer.key("first")
    assert world.fetches == 1
    assert (caught.value.status, caught.value.retry_after) == (503, 5)
    world.is_away = False
    with pytest.raises(IssuerUnavailable):
        world.issuer.key("first")
    world.time += module.RETRY_SECONDS
    assert world.knows("first")


def test_known_keys_are_refreshed_in_the_background(world: World) -> None:
    """A key that the issuer has withdrawn ends; no request waits for that."""
    assert world.knows("first")
    world.provider.keys = [new_key("second")]
    world.time += module.REFRESH_SECONDS - 1
    assert world.knows("first")
    assert world.fetches == 1
    world.time += 1
    gate = threading.Event()
    world.answer = lambda _: wait_open(gate)
    assert world.knows("first")
    assert world.knows("first")
    gate.set()
    wait_for(lambda: not world.issuer._ring.find("first"), 10, "the withdrawn key ends")
    assert world.fetches == 2
    assert world.knows("second")


def wait_open(gate: threading.Event) -> None:
    assert gate.wait(20)


def test_a_slow_issuer_holds_few_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 20.0)
    gate = threading.Event()
    world.answer = lambda _: wait_open(gate)
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append(world.knows("first")))
        for _ in range(module.MAX_WAITING)
    ]
    for thread in threads:
        thread.start()

    def rejected() -> bool:
        """True once all places are taken: before that, this test would wait itself."""
        if world.issuer._waiting._value:
            return False
        with pytest.raises(IssuerUnavailable):
            world.issuer.key("first")
        return True

    wait_for(rejected, 10, "one more request is rejected at once")
    gate.set()
    for thread in threads:
        thread.join(20)
    assert found == [True] * module.MAX_WAITING
    assert world.fetches == 1


def test_a_request_waits_for_a_limited_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    gate = threading.Event()
    world.answer = lambda _: wait_open(gate)
    with pytest.raises(IssuerUnavailable):
        world.issuer.key("first")
    gate.set()
    wait_for(lambda: world.issuer._ring, 10, "the keys arrive later")
    assert world.knows("first")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"issuer": "http://127.0.0.1:1/realms/other"}, "metadata are those of another issuer"),
        ({"issuer": "http://127.0.0.1:1/realms/geo/"}, "metadata are those of another issuer"),
        ({"jwks_uri": None}, "no valid jwks_uri"),
        ({"jwks_uri": "file:///etc/passwd"}, "no valid jwks_uri"),
        ({"jwks_uri": "http://[x"}, "no valid jwks_uri"),
        ({"jwks_uri": ORIGIN + DISCOVERY}, "key set is invalid: it has no list of keys"),
    ],
)
def test_invalid_metadata_are_an_outage(
    world: World, caplog: pytest.LogCaptureFixture, changed: dict[str, Any], told: str
) -> None:
    world.provider.changed = changed
    with pytest.raises(IssuerUnavailable):
        world.issuer.key("first")
    [line] = caplog.messages
    assert told in line
    assert "no key is known" in line


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_an_outage(caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    with pytest.raises(IssuerUnavailable):
        Issuer("https://x.test", lambda _: content).key("a")
    assert "openid-configuration is not JSON" in caplog.text


def test_keys_of_an_encrypted_issuer_are_fetched_encrypted() -> None:
    url = "https://x.test/"
    metadata = {"issuer": url, "jwks_uri": "http://x.test/keys"}
    asked: list[str] = []

    def fetch(address: str) -> bytes:
        asked.append(address)
        return json.dumps(metadata).encode()

    with pytest.raises(IssuerUnavailable):
        Issuer(url, fetch).key("a")
    assert asked == ["https://x.test/.well-known/openid-configuration"]
