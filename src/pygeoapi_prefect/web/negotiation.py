"""Content negotiation: ``f=`` first, then ``Accept`` (RFC 9110, 12.5.1). Pure."""

from typing import Literal

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.media_types import essence
from pygeoapi_prefect.models.message import named

Format = Literal["json", "html"]
MEDIA_TYPES: dict[Format, str] = {"json": "application/json", "html": "text/html"}


def wanted(f: str | None, accept: str | None) -> Format:
    """The format of a reply.

    ``f`` wins over ``Accept``, as everywhere in pygeoapi. A client that accepts neither JSON nor
    HTML gets JSON (a server may disregard the header), and so does one that takes anything.

    Args:
        f: The query parameter ``f``, if there is one.
        accept: The ``Accept`` header, if there is one.

    Raises:
        InvalidJobParameterError: There is no format ``f``.
    """
    if f is None:
        return accepted(accept)
    if f == "json":
        return "json"
    if f == "html":
        return "html"
    raise InvalidJobParameterError(f"Unknown format {named(f, 20)}: 'f' must be json or html")


def accepted(accept: str | None) -> Format:
    """The format that an ``Accept`` header prefers.

    HTML needs a higher quality than JSON, or the same one while only HTML is named: a browser says
    ``text/html, */*``.
    """
    ranges = parse_accept_header(accept, MIMEAccept)
    accepts = MIMEAccept([(essence(value), q) for value, q in ranges])
    html, json = accepts.quality("text/html"), accepts.quality("application/json")
    if html > json or (html == json > 0 and _names_only_html(accepts)):
        return "html"
    return "json"


def or_json(f: str | None, accept: str | None) -> Format:
    """Like ``wanted``, but JSON for an unknown ``f``, so that an error can always be sent."""
    try:
        return wanted(f, accept)
    except InvalidJobParameterError:
        return "json"


def _names_only_html(accepts: MIMEAccept) -> bool:
    types = {value.lower() for value in accepts.values()}
    return bool(types & {"text/html", "text/*"}) and "application/json" not in types
