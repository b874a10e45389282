"""Pages of lists: their parameters and their links."""

from urllib.parse import parse_qs, urlsplit

import pytest

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.web.paging import Page, page, page_links

URL = "http://x/jobs"


def test_the_limit_is_lowered_to_what_the_server_offers() -> None:
    assert page({}, 10, 100) == Page(10, 0)
    assert page({"limit": "5", "offset": "7"}, 10, 100) == Page(5, 7)
    assert page({"limit": "9" * 50}, 10, 100).limit == 100


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "1.5", "١"])
def test_a_wrong_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobParameterError, match="'limit' must be an integer of at least 1"):
        page({"limit": text}, 10, 100)


def test_links_keep_filters_and_format() -> None:
    query = {"status": ["failed", "running"], "limit": ["2"], "offset": ["2"], "f": ["html"]}
    links = {link["rel"]: link for link in page_links(URL, query, Page(2, 2), True, "html")}
    assert set(links) == {"self", "alternate", "next", "prev"}
    asked = {rel: parse_qs(urlsplit(link["href"]).query) for rel, link in links.items()}
    assert all(q["status"] == ["failed", "running"] for q in asked.values())
    assert {rel: q["offset"][0] for rel, q in asked.items()} == {
        "self": "2", "alternate": "2", "next": "4", "prev": "0"
    }  # fmt: skip
    assert {rel: q["f"][0] for rel, q in asked.items()} == {
        "self": "html", "alternate": "json", "next": "html", "prev": "html"
    }  # fmt: skip
    assert links["self"]["type"] == "text/html"
    assert links["alternate"]["type"] == "application/json"


@pytest.mark.parametrize(("offset", "rels"), [(0, {"next"}), (5, {"next", "prev"}), (8, {"prev"})])
def test_the_first_and_last_page_end_the_chain(offset: int, rels: set[str]) -> None:
    found = {link["rel"] for link in page_links(URL, {}, Page(2, offset), offset < 8, "json")}
    assert found == {"self", "alternate"} | rels
