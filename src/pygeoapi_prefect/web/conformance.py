"""The conformance classes that ``/conformance`` lists beside pygeoapi's others."""

PREFIX = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
CLASSES = tuple(
    PREFIX + name
    for name in (
        "core", "ogc-process-description", "json", "html", "oas30", "job-list", "callback",
        "dismiss",
    )
)  # fmt: skip
"""All classes of OGC API - Processes - Part 1 (18-062r2, clause 2)."""


def declare() -> None:
    """Put our classes in the place of those that pygeoapi claims for its own views."""
    from pygeoapi.api import processes

    processes.CONFORMANCE_CLASSES[:] = CLASSES
