"""The value of a ``Link`` header (RFC 8288)."""

from urllib.parse import quote


def link_header(href: str, **parameters: str | None) -> str:
    """Return a link as the value of a header; parameters without a value are left out.

    Values are quoted strings (RFC 9110, section 5.6.4); one with characters that a header does not
    carry is an extended value (RFC 8187).
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    return "; ".join([f"<{href}>", *(_parameter(name, value) for name, value in given.items())])


def _parameter(name: str, value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        return f"{name}*=UTF-8''{quote(value, safe='')}"
    escaped = value.replace("\\", r"\\").replace('"', r"\"")
    return f'{name}="{escaped}"'
