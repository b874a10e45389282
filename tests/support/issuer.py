"""An issuer of access tokens on this machine: it has keys, signs tokens, and publishes both."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, override

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from support.listening import listening

AUDIENCE = "https://geo.example.org"
DISCOVERY = "/realms/geo/.well-known/openid-configuration"
JWKS = "/realms/geo/keys"
HEADER = {"alg": "RS256", "typ": "at+jwt"}


def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": kid, "use": "sig", "alg": "RS256"})


def new_curve(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", parameters={"kid": kid, "use": "sig", "alg": "ES256"})


@dataclass
class Issuer:
    """An OpenID Provider.

    Attributes:
        port: TCP port on loopback.
        keys: Its keys; it signs with the last one.
        asked: The paths that were asked for.
        changed: Members of the metadata that differ from what they should be.
    """

    port: int
    keys: list[RSAKey | ECKey] = field(default_factory=lambda: [new_key("first")])
    asked: list[str] = field(default_factory=list)
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/realms/geo"

    @property
    def settings(self) -> dict[str, Any]:
        """The mapping ``access.oidc`` for it."""
        return {
            "issuer": self.url,
            "audience": AUDIENCE,
            "roles_claim": "realm_access.roles",
            "roles": {"geo-user": "execute", "geo-admin": "admin", "geo-reader": "read"},
        }

    def documents(self) -> dict[str, Any]:
        metadata = {"issuer": self.url, "jwks_uri": f"http://127.0.0.1:{self.port}{JWKS}"}
        return {
            DISCOVERY: {**metadata, **self.changed},
            JWKS: {"keys": [key.as_dict(private=False) for key in self.keys]},
        }

    def token(
        self,
        user: str = "ann",
        role: str = "geo-user",
        header: dict[str, Any] | None = None,
        key: RSAKey | ECKey | None = None,
        **claims: Any,
    ) -> str:
        """An access token of a user; ``claims`` replace those of a valid one, None leaves out."""
        now = int(time.time())
        valid: dict[str, Any] = {
            "iss": self.url,
            "aud": [AUDIENCE, "account"],
            "sub": f"id-of-{user}",
            "iat": now,
            "exp": now + 300,
            "client_id": "desktop",
            "preferred_username": user,
            "realm_access": {"roles": [role, "offline_access"]},
        }
        signer = key or self.keys[-1]
        head = {**HEADER, "alg": signer.alg or "RS256", "kid": signer.kid, **(header or {})}
        return jwt.encode(
            {name: value for name, value in head.items() if value is not None},
            {name: value for name, value in (valid | claims).items() if value is not None},
            signer,
            algorithms=[head["alg"]],
        )

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer for as long as the context lasts."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                document = issuer.documents().get(self.path)
                body = json.dumps(document).encode()
                self.send_response(404 if document is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            @override
            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        with listening(Handler, port=self.port):
            yield
