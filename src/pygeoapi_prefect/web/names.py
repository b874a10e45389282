"""Names in addresses that may have any character."""

from werkzeug.routing import BaseConverter

CONVERTER = "any_name"


class AnyName(BaseConverter):
    """A name at the end of a path, slashes and line breaks too: the server has decoded them."""

    regex = r"(?s:.+)"
    part_isolating = False
