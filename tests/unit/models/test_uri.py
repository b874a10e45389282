"""What is a URI, by the one rule for references and callbacks."""

import time

import pytest

from pygeoapi_prefect import outgoing
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.uri import MAX_LENGTH, is_uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://host",
        "https://host:8443/a/b;c=d/?q=1&r=a%20b#part",
        "http://[2001:db8::1]:80/x",
        "http://user:secret@host/",
        "http://xn--bcher-kva.example/%C3%BC",
        "s3://bucket/key",
    ],
)
def test_a_uri(uri: str) -> None:
    assert is_uri(uri)


@pytest.mark.parametrize(
    "text",
    [
        *("", "data/dem.tif", "http:host", "//host/x", "http//host", "1http://host/"),
        *("http://host/a b", "http://host/\t", "http://host/a\n", "http://host/\x00"),
        *("http://host/%zz", "http://host/%2", "http://host/<a>", "http://host/a|b"),
        *("http://host/{id}", "http://host/?a[]=1", "http://host/\\a", 'http://host/"a"'),
        *("http://b\u00fccher.example/", "http://host/\u00fc", "http://host/\ud800"),
    ],
)
def test_no_uri(text: str) -> None:
    """Fault 15: the same texts are refused wherever a client gives a URL."""
    assert not is_uri(text)
    for refuse in (outgoing.check, outgoing.check_address):
        with pytest.raises(InvalidJobParameterError, match="valid URI"):
            refuse(text)


def test_long_texts_take_no_time() -> None:
    """Fault 26: nor are they sent back."""
    before = time.process_time()
    for text in ("http://" + "a" * 9_000_000, "http://h/" + "%" * MAX_LENGTH, "a" * 9_000_000):
        assert not is_uri(text)
        with pytest.raises(InvalidJobParameterError) as caught:
            outgoing.check(text)
        assert len(str(caught.value)) < 300
    assert is_uri("http://h/" + "a" * (MAX_LENGTH - 9))
    assert time.process_time() - before < 0.5
