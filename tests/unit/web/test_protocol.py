"""Rules of HTTP that a request must keep."""

import pytest

from pygeoapi_prefect.web.protocol import is_host


@pytest.mark.parametrize(
    "host", ["localhost", "a.example:80", "127.0.0.1:", "[::1]", "[::1]:5000", "[::ffff:1.2.3.4]"]
)
def test_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "a:x", "[::::]", "[]", "[1.2.3.4]", "[::1", "[::1]x", "a@b"]
)
def test_no_hosts(host: str) -> None:
    assert not is_host(host)
