"""A job's outputs as a page shows them: pictures, maps, text, or only a link."""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from pygeoapi_prefect.errors import StackError
from pygeoapi_prefect.models.media_types import is_json_type, is_text_type
from pygeoapi_prefect.results.output import Output

TEXT_BYTES = 64 * 1024
"""Longer text is not put into the page."""
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif")


@dataclass(frozen=True)
class Preview:
    """One output.

    Attributes:
        kind: ``picture``, ``map``, ``text`` or ``link``.
        path: Path of the output on this server.
        size: Number of bytes, or None if its file cannot be reached.
        text: What a preview of kind ``text`` shows; of a map, what is shown without a script.
    """

    id: str
    media_type: str
    kind: str
    path: str
    size: int | None
    text: str = ""


def preview(output: Output) -> Preview:
    """Preview of one output; a missing file is only named."""
    essence = output.essence
    path = urlsplit(output.href).path
    try:
        size = output.size()
        text = _text(output, essence) if size <= TEXT_BYTES else ""
    except StackError:
        return Preview(output.id, output.media_type, "link", path, None)
    return Preview(output.id, output.media_type, _kind(essence, text), path, size, text)


def _kind(essence: str, text: str) -> str:
    if essence in PICTURES:
        return "picture"
    if essence == "application/geo+json":
        return "map"
    return "text" if text else "link"


def _text(output: Output, essence: str) -> str:
    is_json = is_json_type(essence)
    if not (is_json or is_text_type(essence)):
        return ""
    content = output.read()
    try:
        if is_json:
            return json.dumps(json.loads(content), ensure_ascii=False, indent=2)
        return content.decode("utf-8")
    except (ValueError, RecursionError):
        return ""
