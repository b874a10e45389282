"""Which format a client gets, by ``f`` and ``Accept``."""

import pytest

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.web import negotiation

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("application/json", "json"),
        ("text/html", "html"),
        ("TEXT/HTML", "html"),
        ("text/html; charset=utf-8", "html"),
        ("text/*", "html"),
        ("text/html, */*", "html"),
        ("*/*, text/html", "html"),
        (BROWSER, "html"),
        ("text/html, application/json", "json"),
        ("application/json;q=0.9, text/html", "html"),
        ("application/json, text/html;q=0.9", "json"),
        ("text/html;q=0.1, */*", "json"),
        ("text/html;q=0.1, */*;q=0.01", "html"),
        ("text/html;q=0", "json"),
        ("text/html;q=0, */*", "json"),
        ("application/json;q=0, text/html;q=0.1", "html"),
        ("image/png", "json"),
        ("application/problem+json", "json"),
        ("text/html;q=much", "json"),
        ("/;;,,q", "json"),
    ],
)
def test_accept(accept: str | None, format: str) -> None:
    assert negotiation.accepted(accept) == format
    assert negotiation.wanted(None, accept) == format
    assert negotiation.or_json(None, accept) == format


@pytest.mark.parametrize("accept", [None, "text/html", "application/json", BROWSER])
@pytest.mark.parametrize("f", ["json", "html"])
def test_f_wins(f: str, accept: str | None) -> None:
    assert negotiation.wanted(f, accept) == f


@pytest.mark.parametrize("f", ["", "jsonld", "JSON", "xml", "<script>", "x" * 5000])
def test_an_unknown_f_is_refused(f: str) -> None:
    with pytest.raises(InvalidJobParameterError, match="must be json or html") as error:
        negotiation.wanted(f, "text/html")
    assert len(str(error.value)) < 100
    assert negotiation.or_json(f, BROWSER) == "json"
