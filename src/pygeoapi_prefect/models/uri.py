"""The rule for valid URIs, used for references and callbacks."""

import re

MAX_LENGTH = 8000
"""Longest URI that is accepted, in characters; RFC 9110 (section 4.1) requires at least 8,000."""

# RFC 3986, appendix A, with the authority that http and https need.
_PCHAR = r"(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*://(?:\[[0-9A-Fa-f:.v]+\]|(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{{2}})*)"
    rf"(?::\d*)?(?:/{_PCHAR}*)*(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?",
    re.ASCII,
)


def is_uri(text: str) -> bool:
    """Return true if a text is an absolute URI with an authority (RFC 3986), and not too long.

    Characters beyond ASCII are percent-encoded in a URI, those of a host by IDNA.
    """
    return len(text) <= MAX_LENGTH and _URI.fullmatch(text) is not None
