"""The JSON documents of the Processes resources, built from ``jobs`` and the registry."""

from typing import Any

from pygeoapi_prefect.models.documents import Link, StatusInfo
from pygeoapi_prefect.process.registry import Process
from pygeoapi_prefect.results import links
from pygeoapi_prefect.web.negotiation import MEDIA_TYPES, Format

SUMMARY = (
    "id", "version", "title", "description", "keywords", "metadata", "jobControlOptions",
    "outputTransmission",
)  # fmt: skip
Document = dict[str, Any]


def process_summary(root: str, process: Process) -> Document:
    """A process in the list (``processSummary.yaml``)."""
    summary = {k: process.description[k] for k in SUMMARY if process.description.get(k)}
    url = links.process_url(root, process.id)
    own = [
        links.link(url, "self", "Description of the process"),
        links.link(f"{url}?f=html", "alternate", "Description as HTML", MEDIA_TYPES["html"]),
    ]
    return {**summary, "links": own}


def process_description(root: str, process: Process, shown: Format) -> Document:
    """A process (``process.yaml``)."""
    url = links.process_url(root, process.id)
    own = [
        *this_document(url, shown),
        links.link(f"{url}/execution", links.OGC_REL + "execute", "Execute the process"),
        links.link(f"{root}/jobs", links.OGC_REL + "job-list", "Jobs"),
    ]
    return {**process.description, "links": [*process.description.get("links", ()), *own]}


def job(root: str, info: StatusInfo, shown: Format | None = None) -> StatusInfo:
    """A job (``statusInfo.yaml``); ``shown`` where it is the whole reply."""
    found = links.job_links(root, info)
    if shown is not None:
        this = this_document(links.job_url(root, info["jobID"]), shown)
        found = [*this, *(link for link in found if link["rel"] != "self")]
    return {**info, "links": found}


def dismissed_job(root: str, info: StatusInfo) -> StatusInfo:
    """A job that may be deleted, so without links to it."""
    return {**info, "links": [links.link(f"{root}/jobs", "up", "All jobs")]}


def this_document(url: str, shown: Format) -> list[Link]:
    """Links ``self`` and ``alternate`` of a document that is offered in both formats."""
    other: Format = "html" if shown == "json" else "json"
    address = {"json": url, "html": f"{url}?f=html"}
    again = f"{url}?f=json" if other == "json" else address["html"]
    title = f"This document as {other.upper()}"
    return [
        links.link(address[shown], "self", "This document", MEDIA_TYPES[shown]),
        links.link(again, "alternate", title, MEDIA_TYPES[other]),
    ]
