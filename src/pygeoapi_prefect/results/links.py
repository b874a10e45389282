"""Links of jobs, results and processes, below one public root URL (RFC 8288)."""

from typing import Any
from urllib.parse import quote

OGC_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
JSON = "application/json"
PROBLEM = "application/problem+json"


def link(href: str, rel: str, title: str, media_type: str = JSON) -> dict[str, str]:
    """One member of a ``links`` array."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def job_url(root: str, job_id: str) -> str:
    """Address of a job."""
    return f"{root}/jobs/{quote(job_id, safe='')}"


def output_url(root: str, job_id: str, output_id: str) -> str:
    """Address of one output of a job."""
    return f"{job_url(root, job_id)}/results/{quote(output_id, safe='')}"


def process_url(root: str, process_id: str) -> str:
    """Address of a process."""
    return f"{root}/processes/{quote(process_id, safe='')}"


def job_links(root: str, info: dict[str, Any]) -> list[dict[str, str]]:
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


def header(href: str, rel: str, **parameters: str) -> str:
    """A ``Link`` header (RFC 8288), its values as quoted strings (RFC 9110, section 5.6.4)."""
    values = {"rel": rel, **parameters}
    escaped = {k: v.replace("\\", r"\\").replace('"', r"\"") for k, v in values.items()}
    return "; ".join([f"<{href}>", *(f'{name}="{value}"' for name, value in escaped.items())])
