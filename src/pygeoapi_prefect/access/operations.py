"""The least role for each operation of the API. One table: enforced, and shown in OpenAPI.

An operation is a method and a path whose variable parts are ``{}``. What the table does not have is
an operation of pygeoapi: reading needs the role ``read``, anything else ``admin``, and so does its
configuration below ``/admin/``, which has passwords in it.
"""

import re
from collections.abc import Mapping

from pygeoapi_prefect.access.principal import Role

Operation = tuple[str, str]
EXECUTION = "/processes/{}/execution"
OPERATIONS: Mapping[Operation, Role | None] = {
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/assets/{}"): None,
    ("GET", "/static/{}"): None,
    ("GET", "/openapi/ui/{}"): None,
    ("GET", "/sign-in"): None,
    ("POST", "/sign-in"): Role.READ,
    ("POST", "/sign-out"): Role.READ,
    ("GET", "/"): Role.READ,
    ("GET", "/conformance"): Role.READ,
    ("GET", "/openapi"): Role.READ,
    ("GET", "/processes"): Role.READ,
    ("GET", "/processes/{}"): Role.READ,
    ("POST", EXECUTION): Role.EXECUTE,
    ("GET", "/jobs"): Role.EXECUTE,
    ("GET", "/jobs/{}"): Role.EXECUTE,
    ("DELETE", "/jobs/{}"): Role.EXECUTE,
    ("GET", "/jobs/{}/results"): Role.EXECUTE,
    ("GET", "/jobs/{}/results/{}"): Role.EXECUTE,
    ("POST", "/stac-api/search"): Role.READ,
}
"""None stands for everybody: probes, and the files of pages and the form to sign in."""
_VARIABLE = re.compile(r"\{[^{}]*\}|<[^<>]*>")
_EXECUTION = re.compile(r"/processes/[^/]+/execution")


def least_role(method: str, path: str) -> Role | None:
    """The least role for an operation; None if everybody may do it.

    Args:
        method: HTTP method. Everybody may ask for the methods of a path (``OPTIONS``): browsers
            send no credentials with that question.
        path: Path with variables in braces (OpenAPI) or angle brackets (Flask), and without the
            prefix of the server. A path of OpenAPI may name the process that it executes.
    """
    if method == "OPTIONS":
        return None
    known = "GET" if method == "HEAD" else method
    is_read = known == "GET" and not path.startswith("/admin/")
    default = Role.READ if is_read else Role.ADMIN
    return OPERATIONS.get((known, template(path)), default)


def template(path: str) -> str:
    """A path with ``{}`` in the place of each variable."""
    found = _VARIABLE.sub("{}", path)
    return EXECUTION if _EXECUTION.fullmatch(found) else found
