"""Links of jobs, results and processes, below one public root URL (RFC 8288)."""

import re
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pygeoapi_prefect.models.documents import Link, StatusInfo

OGC_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
JSON = "application/json"
PROBLEM = "application/problem+json"


def link(href: str, rel: str, title: str, media_type: str = JSON) -> Link:
    """One member of a ``links`` array."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def job_url(root: str, job_id: str) -> str:
    """Address of a job."""
    return f"{root}/jobs/{quote(job_id, safe='')}"


def output_url(root: str, job_id: str, output_id: str) -> str:
    """Address of one output of a job."""
    return f"{job_url(root, job_id)}/results/{quote(output_id, safe='')}"


def output_named(root: str, href: str) -> tuple[str, str] | None:
    """The job and the output that an address names, if it is one of ``output_url`` of this server.

    Scheme, host and port are compared as RFC 3986 does (section 6.2); a query and a fragment do not
    matter, as nothing depends on them.
    """
    try:
        parts, base = urlsplit(href), urlsplit(root)
        if _origin(parts) != _origin(base):
            return None
    except ValueError:  # no URL at all
        return None
    path = re.fullmatch(re.escape(base.path) + "/jobs/([^/]+)/results/([^/]+)", parts.path)
    return (unquote(path[1]), unquote(path[2])) if path else None


def _origin(parts: SplitResult) -> tuple[str, str | None, str | None, int | None]:
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.username, parts.hostname, port


def process_url(root: str, process_id: str) -> str:
    """Address of a process."""
    return f"{root}/processes/{quote(process_id, safe='')}"


def job_links(root: str, info: StatusInfo) -> list[Link]:
    """Links of a statusInfo: results only of a successful job, exceptions only of a failed one."""
    url = job_url(root, info["jobID"])
    links = [
        link(url, "self", "This job"),
        link(url, "monitor", "Status of the job"),
        link(f"{root}/jobs", "up", "All jobs"),
    ]
    if info["status"] == "successful":
        links.append(link(f"{url}/results", OGC_REL + "results", "Results of the job"))
    if info["status"] == "failed":
        links.append(link(f"{url}/results", OGC_REL + "exceptions", "Why it failed", PROBLEM))
    return links


def content_id(output_id: str) -> str:
    """The ``Content-ID`` of an output's part: its identifier, percent-encoded (RFC 2392)."""
    return f"<{quote(output_id, safe='')}>"
