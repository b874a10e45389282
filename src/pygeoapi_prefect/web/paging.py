"""``limit`` and ``offset`` of the lists, and the links between their pages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from pygeoapi_prefect.config import MAX_LIMIT
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.documents import Link
from pygeoapi_prefect.models.message import counted
from pygeoapi_prefect.results import links
from pygeoapi_prefect.web.negotiation import MEDIA_TYPES, Format

COMMON_PARAMETERS = ("limit", "offset", "f")


@dataclass(frozen=True)
class Page:
    """Requested part of a list."""

    limit: int
    offset: int


def page(arguments: Mapping[str, str], default: int, most: int) -> Page:
    """The page that the query requests; ``limit`` is lowered to the server's maximum.

    Raises:
        InvalidJobParameterError: One of the two is not an integer, or too small.
    """
    limit = min(integer(arguments, "limit", 1, MAX_LIMIT, default), most)
    return Page(limit, integer(arguments, "offset", 0, 2**31 - 1, 0))


def integer(arguments: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    """An integer of the query, lowered to ``most``.

    Raises:
        InvalidJobParameterError: It is not an integer, or below ``least``.
    """
    text = arguments.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise InvalidJobParameterError(f"'{name}' must be an integer of at least {least}")
    value = int(text) if len(text) <= 10 else most
    if value < least:
        raise InvalidJobParameterError(f"'{name}' must be an integer of at least {least}")
    return min(value, most)


def refuse_unknown(arguments: Iterable[str], known: Iterable[str]) -> None:
    """Reject an unknown parameter: a client could mistake it for a working filter.

    Raises:
        InvalidJobParameterError: There is one.
    """
    allowed = {*known, *COMMON_PARAMETERS}
    unknown = sorted(set(arguments) - allowed)
    if unknown:
        raise InvalidJobParameterError(
            f"Unknown query {counted('parameter', unknown)} "
            f"(known parameters: {', '.join(sorted(allowed))})"
        )


def page_links(
    url: str, query: Mapping[str, list[str]], page: Page, has_more: bool, shown: Format
) -> list[Link]:
    """Links to this page, the next and the previous one; they keep format and filters.

    Args:
        url: Address of the list.
        query: Every parameter of the request, with all its values.
        page: What is shown.
        has_more: Whether there is another page.
        shown: Format of this reply.
    """
    kept = {k: v for k, v in query.items() if k not in ("limit", "offset", "f")}

    def other(rel: str, title: str, start: int, form: Format) -> Link:
        asked = {"f": form} if form != "json" or rel == "alternate" or "f" in query else {}
        text = urlencode({**kept, "limit": page.limit, "offset": start, **asked}, doseq=True)
        return links.link(f"{url}?{text}", rel, title, MEDIA_TYPES[form])

    other_format: Format = "html" if shown == "json" else "json"
    found = [
        other("self", "This page", page.offset, shown),
        other("alternate", f"This page as {other_format.upper()}", page.offset, other_format),
    ]
    if has_more:
        found.append(other("next", "Next page", page.offset + page.limit, shown))
    if page.offset > 0:
        before = max(page.offset - page.limit, 0)
        found.append(other("prev", "Previous page", before, shown))
    return found
