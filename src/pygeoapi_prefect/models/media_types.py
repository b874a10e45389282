"""Media types (RFC 9110, section 8.3.1)."""

import re

JSON = "application/json"
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+( *;[ -~]*)?", re.ASCII)


def essence(media_type: str) -> str:
    """Return a media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


def is_json_type(media_type: str) -> bool:
    """Return true if a media type is one of JSON (RFC 6839, section 3.1)."""
    return essence(media_type) == JSON or essence(media_type).endswith("+json")


def is_text_type(media_type: str) -> bool:
    """Return true if content of a media type is text other than JSON, XML included."""
    return essence(media_type).startswith("text/") or essence(media_type).endswith("xml")


def usable_media_type(media_type: object) -> str | None:
    """Return a media type as a header can carry it; None for anything else.

    A process may take it from an input, so it may be whatever a client likes.
    """
    is_one = isinstance(media_type, str) and _MEDIA_TYPE.fullmatch(media_type)
    return str(media_type) if is_one else None
