"""Browsers that have signed in: their cookie, its token, and the forms that begin and end it."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from flask import Response, g, request
from werkzeug import exceptions

from pygeoapi_prefect.access.gate import Gate
from pygeoapi_prefect.access.keys import prefix_of
from pygeoapi_prefect.access.principal import Principal
from pygeoapi_prefect.access.sessions import SECONDS, Sessions
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.web import origins

SIGN_IN, SIGN_OUT = "sign-in", "sign-out"
"""Endpoints, and paths."""
COOKIE = "pygeoapi-session"
TOKEN_HEADER, TOKEN_FIELD = "X-CSRF-Token", "csrf_token"
FORM = "application/x-www-form-urlencoded"
LONGEST_PATH = 2000
# Printable ASCII without a backslash, which browsers take for a slash; // would be another host.
_PATH = re.compile(r"/(?!/)[!-\[\]-~]*")


@dataclass(frozen=True)
class Visitor:
    """The reader of a page, for its templates.

    Attributes:
        name: Name of who is signed in.
        token: Token for the forms and scripts of the page; empty if nobody is signed in.
        may_sign_in: True if nobody is, and somebody could be.
        here: Path to come back to after signing in.
    """

    name: str = ""
    token: str = ""
    may_sign_in: bool = False
    here: str = "/"


class Browsers:
    """Sessions of browsers, over HTTP.

    Args:
        sessions: Begins and recognises sessions.
        settings: What this library reads of the configuration.
        prefix: Path prefix of the routes, without a trailing slash.
    """

    def __init__(self, sessions: Sessions, settings: Settings, prefix: str) -> None:
        public = urlsplit(settings.public_url)
        self._sessions, self._settings, self._prefix = sessions, settings, prefix
        self._base = public.path.rstrip("/")
        self._is_secure = public.scheme == "https"
        self.cookie = f"__Host-{COOKIE}" if self._is_secure else COOKIE

    def holder(self, gate: Gate) -> Principal | None:
        """The holder of the key of the current request's session; None if it has no session.

        Raises:
            Forbidden: The request changes something, and has not the token of its session.
        """
        session = request.cookies.get(self.cookie)
        own = origins.own_origins(self._settings)
        if session is None or not origins.may_have_cookies(request.method, request.headers, own):
            return None
        prefix = self._sessions.key_of(session)
        holder = None if prefix is None else gate.holder(prefix)
        if holder is None:
            return None
        if request.method not in origins.SAFE:
            sent = request.headers.get(TOKEN_HEADER) or _field(TOKEN_FIELD) or ""
            if not self._sessions.has_token(session, sent):
                raise exceptions.Forbidden("The token of the page is missing or is another one's")
        g.session = session
        return holder

    def visitor(self) -> Visitor:
        """The reader of the current request's page."""
        known: Principal | None = g.get("principal")
        if "session" in g and known is not None:
            return Visitor(known.name, self._sessions.token(g.session), here=self._here())
        return Visitor(may_sign_in=known is None or not known.is_identified, here=self._here())

    def begin(self) -> Response:
        """Answer the form: its key, which was verified, gets a session."""
        known: Principal = g.principal
        prefix = prefix_of(sent_key() or "")
        if prefix is None or known.proof != "key":
            raise exceptions.BadRequest("The form has no API key")
        response = self._onwards(self._here())
        response.set_cookie(
            self.cookie,
            self._sessions.begin(prefix),
            max_age=SECONDS,
            secure=self._is_secure,
            httponly=True,
            samesite="Lax",
        )
        return response

    def end(self) -> Response:
        """End the session of this browser."""
        response = self._onwards(f"{self._base}/?f=html")
        response.delete_cookie(self.cookie, secure=self._is_secure, httponly=True, samesite="Lax")
        return response

    def _here(self) -> str:
        """The path of the current page, as browsers see it; of the form's, the page before it."""
        if request.endpoint == SIGN_IN:
            path = _next()
        else:
            path = self._base + quote(request.path.removeprefix(self._prefix))
            if request.query_string:
                path += "?" + request.query_string.decode("latin-1")
        is_ours = _PATH.fullmatch(path) and path.startswith(f"{self._base}/")
        return path if is_ours and len(path) <= LONGEST_PATH else f"{self._base}/?f=html"

    @staticmethod
    def _onwards(path: str) -> Response:
        response = Response(status=HTTPStatus.SEE_OTHER)
        response.headers["Location"] = path
        response.headers["Cache-Control"] = "no-store"
        return response


def sent_key() -> str | None:
    """The key that the form of the sign-in has sent; None if this is no such request."""
    if request.endpoint != SIGN_IN or request.method != "POST":
        return None
    key = _field("key")
    return None if key is None else key.strip()


def _next() -> str:
    """The path that the sign-in leads to; a body that is too large is answered with a page, too."""
    try:
        return _field("next") or request.args.get("next", "")
    except exceptions.HTTPException:
        return request.args.get("next", "")


def _field(name: str) -> str | None:
    """A field of a form; None if the request has none, or is no form."""
    return request.form.get(name) if request.mimetype == FORM else None
