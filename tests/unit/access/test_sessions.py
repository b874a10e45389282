"""Sessions: signed, of a limited duration, and with a secret that all processes share."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from itsdangerous import URLSafeTimedSerializer

from pygeoapi_prefect.access import sessions
from pygeoapi_prefect.access.sessions import Sessions, secret_of
from pygeoapi_prefect.errors import ConfigurationError

PREFIX = "pygeoapi_0123abcd"
SECRET = "s" * 43


def test_a_session_names_its_key() -> None:
    first, second = Sessions(SECRET), Sessions(SECRET)
    session = first.begin(PREFIX)
    assert second.key_of(session) == PREFIX
    assert session != first.begin(PREFIX)
    assert Sessions("t" * 43).key_of(session) is None


@pytest.mark.parametrize("session", ["", "x", "a.b.c", "\ud800", "é", "x" * 8000])
def test_what_is_no_session_names_none(session: str) -> None:
    assert Sessions(SECRET).key_of(session) is None


def test_a_changed_session_names_none() -> None:
    session = Sessions(SECRET).begin(PREFIX)
    for place in range(0, len(session) - 1, 7):  # the last bits of base64 may mean nothing
        other = "A" if session[place] != "A" else "B"
        assert Sessions(SECRET).key_of(session[:place] + other + session[place + 1 :]) is None


@pytest.mark.parametrize("payload", [PREFIX, [PREFIX], [1, 2], {}, None, [PREFIX, "a", "b"]])
def test_a_signed_text_of_another_form_names_none(payload: object) -> None:
    made = Sessions(SECRET)
    assert isinstance(made._signed, URLSafeTimedSerializer)
    assert made.key_of(str(made._signed.dumps(payload))) is None


def test_a_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Sessions(SECRET)
    session = made.begin(PREFIX)
    monkeypatch.setattr(sessions, "SECONDS", -1)
    assert made.key_of(session) is None


def test_the_token_belongs_to_its_session() -> None:
    made = Sessions(SECRET)
    first, second = made.begin(PREFIX), made.begin(PREFIX)
    assert made.has_token(first, made.token(first))
    assert Sessions(SECRET).has_token(first, made.token(first))
    for token in ("", made.token(second), made.token(first)[:-1], first, "\udc80x", "é"):
        assert not made.has_token(first, token)


def test_the_secret_is_made_once_for_all_processes(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(secret_of, [path] * 40))
    assert len(found) == 1
    assert found == {secret_of(path)}
    assert len(*found) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "told"), [(b"", "too short"), (b"x" * 31, "too short"), (b"\xff" * 43, "no text")]
)
def test_a_secret_that_is_none_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"{path}.*{told}"):
        secret_of(path)


def test_a_secret_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        secret_of(tmp_path / "none" / "secret")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigurationError, match="Is a directory"):
        secret_of(tmp_path / "folder")
