"""The HTML pages of the Processes resources, in pygeoapi's look, without anything remote."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Response, send_from_directory
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, select_autoescape

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.jobs.queries import JobDetails
from pygeoapi_prefect.models.documents import Link
from pygeoapi_prefect.web import core, forms, previews, render
from pygeoapi_prefect.web.browsers import Visitor
from pygeoapi_prefect.web.negotiation import MEDIA_TYPES, Format

STATIC = Path(__file__).parent / "static"
ASSET_SECONDS = 3600
SHOWN_INPUT = 20_000  # characters


class Pages:
    """Renders documents as pages.

    Args:
        config: pygeoapi's whole configuration; its templates' folder may replace any of ours
            (``prefect/*.html``).
        settings: What this library reads of it.
        visitor: Says who reads the current request's page.

    Attributes:
        base: Path of the public URL, without a trailing slash: pages link within the origin that
            they were read from.
    """

    def __init__(
        self,
        config: dict[str, Any],
        settings: Settings,
        visitor: Callable[[], Visitor] = Visitor,
    ) -> None:
        self._visitor = visitor
        self._language = str((config.get("server") or {}).get("language") or "en")
        self._config = core.translated(config, self._language)
        self._root = settings.public_url
        self._prefect = (settings.manager.prefect_ui_url or "").rstrip("/")
        self.base = urlsplit(settings.public_url).path.rstrip("/")
        own = ((config.get("server") or {}).get("templates") or {}).get("path")
        self._own = [Path(str(own))] if own else []
        self._environment = Environment(
            loader=ChoiceLoader(
                [
                    FileSystemLoader(self._own),
                    PackageLoader("pygeoapi_prefect.web"),
                    FileSystemLoader(core.TEMPLATES),
                ]
            ),
            autoescape=select_autoescape(default=True),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["pretty"] = _pretty
        self._policy = _policy(config)

    def has_own(self, template: str) -> bool:
        """Return true if the operator has a template of that name (``server.templates.path``)."""
        return any((folder / template).is_file() for folder in self._own)

    def has_any(self) -> bool:
        """Return true if the operator has a folder of templates."""
        return bool(self._own)

    def respond(
        self, document: Mapping[str, Any], shown: Format, template: str, **more: Any
    ) -> Response:
        """A document in the format that the client wants.

        Args:
            document: The JSON document.
            shown: The format.
            template: Name of the page's template.
            more: What only the page shows.
        """
        if shown == "json":
            return render.as_json(document)
        return self.show(self.page(template, document, **more))

    def show(self, page: str, status: int = 200) -> Response:
        """A page's text, with the headers for browsers."""
        return render.as_html(page, self._policy, status)

    def error(self, problem: dict[str, Any], headers: dict[str, str]) -> Response:
        """A problem for somebody with a browser."""
        response = self.show(self.page("problem", problem), int(problem["status"]))
        for name, value in headers.items():
            if name != "Content-Type":
                response.headers[name] = value
        return response

    def page(self, template: str, document: Mapping[str, Any], **more: Any) -> str:
        """The page's text."""
        json_links = [
            link["href"]
            for link in document.get("links", ())
            if link.get("rel") == "alternate" and link.get("type") == MEDIA_TYPES["json"]
        ]
        return self._environment.get_template(f"prefect/{template}.html").render(
            config=self._config,
            data=document,
            visitor=self._visitor(),
            root=self._root,
            base=self.base,
            version=core.VERSION,
            lang=self._language,
            json_link=json_links[-1] if json_links else None,  # a process may have its own
            **more,
        )

    def who(self) -> str:
        """The part of a page that says who is signed in."""
        part = self._environment.get_template("prefect/visitor.html")
        return part.render(visitor=self._visitor(), base=self.base)

    def process(self, document: Mapping[str, Any], shown: Format) -> Response:
        """A process, with a form to execute it."""
        if shown == "json":
            return render.as_json(document)
        return self.respond(
            document,
            shown,
            "process",
            fields=forms.fields(document),
            curl=forms.curl(self._root, document),
        )

    def job(self, details: JobDetails, document: Mapping[str, Any]) -> Response:
        """A job, with its inputs and outputs."""
        inputs = json.dumps(details.request.inputs, ensure_ascii=False, indent=2)
        return self.respond(
            document,
            "html",
            "job",
            inputs=inputs[:SHOWN_INPUT],
            inputs_are_cut=len(inputs) > SHOWN_INPUT,
            outputs=[previews.preview(output) for output in details.outputs],
            problem=details.problem,
            run_url=f"{self._prefect}/runs/flow-run/{details.run_id}" if self._prefect else None,
        )

    def results(self, details: JobDetails, links: list[Link]) -> Response:
        """The results of a successful job."""
        outputs = [previews.preview(output) for output in details.outputs]
        document = {**details.info, "links": links}
        return self.respond(document, "html", "results", outputs=outputs, problem=details.problem)


def asset(name: str) -> Response:
    """``GET /assets/{name}``: a style sheet, a script or a map of the pages."""
    return send_from_directory(STATIC, name, max_age=ASSET_SECONDS)


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _policy(config: dict[str, Any]) -> str:
    """Only content of this server; the operator's logo may be elsewhere."""
    server = config.get("server") or {}
    elsewhere = {
        f"{parts.scheme}://{parts.netloc}"
        for name in ("logo", "icon")
        if (parts := urlsplit(str(server.get(name) or ""))).netloc
    }
    pictures = " ".join(["'self'", "data:", *sorted(elsewhere)])
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {pictures}; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )
