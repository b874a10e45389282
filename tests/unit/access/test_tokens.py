"""Access tokens: which ones are accepted, and whom they name."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from pygeoapi_prefect.access.issuer import Issuer
from pygeoapi_prefect.access.principal import Role
from pygeoapi_prefect.access.tokens import MAX_NAME, Tokens, User
from pygeoapi_prefect.access_settings import OidcSettings
from pygeoapi_prefect.errors import NotAuthenticated
from support.issuer import AUDIENCE, DISCOVERY, JWKS, new_curve, new_key
from support.issuer import Issuer as Provider

Make = Callable[..., User]
FIRST, CURVE = new_key("first"), new_curve("curve")
LEEWAY = 30


@pytest.fixture
def provider() -> Provider:
    return Provider(1, [CURVE, FIRST])


@pytest.fixture
def user(provider: Provider) -> Make:
    """Verifies a token with these settings, as of a time, or now."""

    def verify(token: str, at: float | None = None, **settings: Any) -> User:
        def fetch(address: str) -> bytes:
            path = address.removeprefix("http://127.0.0.1:1")
            assert path in (DISCOVERY, JWKS)
            return json.dumps(provider.documents()[path]).encode()

        chosen = OidcSettings.model_validate({**provider.settings, **settings})
        return Tokens(chosen, Issuer(chosen.issuer, fetch)).user(token, at or time.time())

    return verify


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_a_token_names_a_user_of_its_issuer(user: Make, provider: Provider) -> None:
    found = user(provider.token("ann"))
    prefix, digits, subject = found.subject.split(":")
    assert (prefix, len(digits), subject) == ("oidc", 16, "id-of-ann")
    assert (found.roles, found.name) == (frozenset({Role.EXECUTE}), "ann")
    elsewhere = Provider(2, [FIRST])
    tokens = Tokens(
        OidcSettings.model_validate(elsewhere.settings),
        Issuer(
            elsewhere.url,
            lambda address: json.dumps(
                elsewhere.documents()[address.removeprefix("http://127.0.0.1:2")]
            ).encode(),
        ),
    )
    other = tokens.user(elsewhere.token("ann"), time.time())
    assert other.subject.endswith(":id-of-ann")
    assert other.subject != found.subject


def test_every_accepted_signature_is_verified(user: Make, provider: Provider) -> None:
    for key in (FIRST, CURVE):
        assert user(provider.token(key=key)).name == "ann"
    with pytest.raises(NotAuthenticated, match="algorithm is not accepted"):
        user(provider.token(key=CURVE), algorithms=["RS256"])


def test_a_key_for_one_algorithm_verifies_no_other(user: Make, provider: Provider) -> None:
    parameters = {k: v for k, v in FIRST.as_dict(private=True).items() if k != "alg"}
    free = RSAKey.import_key(parameters)
    token = provider.token(header={"alg": "PS256"}, key=free)
    with pytest.raises(NotAuthenticated, match="signature is wrong"):
        user(token)
    provider.keys = [free]
    assert user(token).name == "ann"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])
def test_both_types_of_access_tokens_are_accepted(user: Make, provider: Provider, typ: str) -> None:
    assert user(provider.token(header={"typ": typ})).name == "ann"


@pytest.mark.parametrize("typ", ["id+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "", None, 7])
def test_other_types_of_tokens_are_rejected(user: Make, provider: Provider, typ: Any) -> None:
    head, _, rest = provider.token().partition(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    header["typ"] = typ
    with pytest.raises(NotAuthenticated, match="another type of token, or none"):
        user(f"{encoded(header)}.{rest}")


def test_types_can_be_limited(user: Make, provider: Provider) -> None:
    with pytest.raises(NotAuthenticated, match="another type of token"):
        user(provider.token(header={"typ": "JWT"}), types="at+jwt")


NOW = time.time()
LATE, EARLY = int(NOW) - LEEWAY - 5, int(NOW) + LEEWAY + 600


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"exp": LATE}, "has expired"),
        ({"exp": None}, "has expired"),
        ({"exp": True}, "'exp' is invalid"),
        ({"exp": "9999999999"}, "'exp' is invalid"),
        ({"exp": float("inf")}, "'exp' is invalid"),
        ({"exp": float("nan")}, "'exp' is invalid"),
        ({"exp": 10**400}, "'exp' is invalid"),
        ({"nbf": EARLY}, "not valid yet"),
        ({"iat": EARLY}, "not valid yet"),
        ({"nbf": []}, "'nbf' is invalid"),
        ({"iss": "http://127.0.0.1:1/realms/other"}, "of another issuer"),
        ({"iss": "http://127.0.0.1:1/realms/geo/"}, "of another issuer"),
        ({"iss": None}, "of another issuer"),
        ({"iss": ["http://127.0.0.1:1/realms/geo"]}, "of another issuer"),
        ({"aud": "https://other.example.org"}, "for another audience"),
        ({"aud": ["a", "b"]}, "for another audience"),
        ({"aud": []}, "for another audience"),
        ({"aud": None}, "for another audience"),
        ({"aud": {AUDIENCE: 1}}, "for another audience"),
        ({"aud": AUDIENCE + "/more"}, "for another audience"),
        ({"sub": None}, "'sub' is missing"),
        ({"sub": ""}, "'sub' is missing"),
        ({"sub": 7}, "'sub' is missing"),
        ({"sub": "x" * 256}, "'sub' is missing"),
        ({"sub": "a\ud800"}, "'sub' is missing"),
        ({"sub": "a\nb"}, "'sub' is missing"),
        ({"typ": "ID"}, "no bearer access token"),
        ({"typ": "Refresh"}, "no bearer access token"),
        ({"typ": 1}, "no bearer access token"),
        ({"at_hash": "x"}, "no bearer access token"),
        ({"cnf": {"jkt": "x"}}, "no bearer access token"),
        ({"events": {}}, "no bearer access token"),
    ],
)
def test_a_token_with_another_claim_is_rejected(
    user: Make, provider: Provider, claims: dict[str, Any], told: str
) -> None:
    token = jws.serialize_compact(
        {"alg": "RS256", "typ": "JWT", "kid": "first"},
        json.dumps(
            {
                name: value
                for name, value in (
                    {
                        "iss": provider.url,
                        "aud": AUDIENCE,
                        "sub": "x",
                        "exp": NOW + 300,
                        "realm_access": {"roles": ["geo-user"]},
                    }
                    | claims
                ).items()
                if value is not None
            }
        ),
        FIRST,
    )
    with pytest.raises(NotAuthenticated, match=told) as caught:
        user(token, at=NOW)  # this module may have been imported long ago
    assert caught.value.challenge == 'Bearer realm="pygeoapi", error="invalid_token"'


def test_clocks_may_differ_by_the_leeway(user: Make, provider: Provider) -> None:
    now = int(time.time())
    token = provider.token(exp=now - LEEWAY + 10, nbf=now + LEEWAY - 5, iat=now + LEEWAY - 5)
    assert user(token).name == "ann"
    with pytest.raises(NotAuthenticated, match="has expired"):
        user(token, leeway_seconds=0)


def test_a_token_that_somebody_else_has_signed_is_rejected(user: Make, provider: Provider) -> None:
    stranger = new_key("first")
    for key in (stranger, new_curve("first")):
        with pytest.raises(NotAuthenticated, match="signature is wrong"):
            user(provider.token(key=key))
    with pytest.raises(NotAuthenticated, match="its key is unknown"):
        user(provider.token(key=new_key("other")))
    # A key in the header proves nothing.
    own = {"jwk": stranger.as_dict(private=False), "jku": "http://127.0.0.1:9/"}
    with pytest.raises(NotAuthenticated, match=r"is wrong|is malformed"):
        user(provider.token(key=stranger, header=own))


def test_a_token_that_was_changed_is_rejected(user: Make, provider: Provider) -> None:
    head, payload, signature = provider.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["realm_access"]["roles"] = ["geo-admin"]
    for changed in (
        f"{head}.{encoded(claims)}.{signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-8]}AAAAAAAA",
    ):
        with pytest.raises(NotAuthenticated, match="signature is wrong"):
            user(changed)


def test_algorithms_without_a_public_key_are_never_accepted(user: Make, provider: Provider) -> None:
    """``none``, and HMAC with the public key in each form as its secret (RFC 8725, 2.1)."""
    _, payload, signature = provider.token().split(".")
    for name in ("none", "None", "NONE", "nOnE", ""):
        for end in ("", signature):
            head = encoded({"alg": name, "typ": "at+jwt", "kid": "first"})
            with pytest.raises(NotAuthenticated, match="algorithm is not accepted"):
                user(f"{head}.{payload}.{end}")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    secrets = [FIRST.as_pem(private=False), FIRST.as_der(private=False), str(FIRST["n"]).encode()]
    for secret in secrets:
        for algorithm in ("HS256", "HS384", "HS512"):
            header = {"alg": algorithm, "typ": "at+jwt", "kid": "first"}
            body = f"{encoded(header)}.{encoded(claims)}"
            forged = hmac.digest(secret, body.encode(), f"sha{algorithm[2:]}")
            with pytest.raises(NotAuthenticated, match="algorithm is not accepted"):
                user(f"{body}.{encoded(forged)}")


def test_no_other_algorithm_can_be_configured() -> None:
    settings = Provider(1).settings
    for algorithms in (["none"], ["HS256"], ["RS256", "HS512"], [], ["dir"], ["EdDSA"]):
        with pytest.raises(ValueError, match="algorithms"):
            OidcSettings.model_validate({**settings, "algorithms": algorithms})


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b.c.d.e",
        "é.é.é",
        "x" * 8000,
        "." * 8000,
        encoded(["alg"]) + ".e30.AA",
        encoded("alg") + ".e30.AA",
        encoded(7) + ".e30.AA",
        encoded({"typ": "JWT"}) + ".e30.AA",
        encoded({"alg": "RS256", "typ": "JWT", "kid": 7}) + ".e30.AA",
        encoded({"alg": "RS256", "typ": "JWT", "kid": {}}) + ".e30.AA",
        encoded({"alg": ["RS256"], "typ": "JWT"}) + ".e30.AA",
        encoded({"alg": {}, "typ": "JWT"}) + ".e30.AA",
        encoded({"alg": "RS256", "typ": "JWT", "kid": "first", "crit": ["x"]}) + ".e30.AA",
        encoded({"alg": "RS256", "typ": "JWT", "b64": False}) + ".e30.AA",
        encoded({"alg": "RS256", "typ": "JWT", "kid": "first"}) + ".!.!",
        encoded(b'{"alg": "RS256", "x": ' + b"[" * 2900) + ".e30.AA",
        encoded(b'{"alg": "RS256", "x": ' + b"9" * 2900 + b"}") + ".e30.AA",
        encoded(b"\xff\xfe") + ".e30.AA",
    ],
)
def test_what_is_no_token_is_rejected(user: Make, token: str) -> None:
    with pytest.raises(NotAuthenticated, match="The access token is invalid") as caught:
        user(token)
    assert caught.value.challenge == 'Bearer realm="pygeoapi", error="invalid_token"'


@pytest.mark.parametrize("payload", [b"x", b"[]", b"7", b"\xff", b"[" * 50_000])
def test_what_holds_no_claims_is_rejected(user: Make, provider: Provider, payload: bytes) -> None:
    header = {"alg": "RS256", "typ": "JWT", "kid": "first"}
    with pytest.raises(NotAuthenticated, match="malformed"):
        user(jws.serialize_compact(header, payload, FIRST))


@pytest.mark.parametrize(
    ("claim", "value", "roles"),
    [
        ("roles", ["geo-admin", "x"], {Role.ADMIN}),
        ("roles", ["geo-user", "geo-reader"], {Role.EXECUTE, Role.READ}),
        ("scope", "openid geo-reader", {Role.READ}),
        ("a.b.c", {"b": {"c": ["geo-user"]}}, {Role.EXECUTE}),
        ("https://example.org/roles", ["geo-user"], {Role.EXECUTE}),
        ("roles", ["GEO-ADMIN", "admin", 7, None], set()),
        ("roles", None, set()),
        ("roles", {"geo-admin": True}, set()),
        ("a.b", ["geo-admin"], set()),
    ],
)
def test_roles_are_read_from_a_claim(
    user: Make, provider: Provider, claim: str, value: Any, roles: set[Role]
) -> None:
    name = claim if claim.startswith("http") else claim.partition(".")[0]
    token = provider.token(realm_access=None, **{name: value})
    assert user(token, roles_claim=claim).roles == roles
    default = user(token, roles_claim=claim, default_role="read").roles
    assert default == (roles or {Role.READ})


def test_a_readable_name_is_read_from_a_claim(user: Make, provider: Provider) -> None:
    assert user(provider.token(email="a@b.test"), name_claim="email").name == "a@b.test"
    for name in (None, " ", 7, ["x"]):
        assert user(provider.token(preferred_username=name)).name == "id-of-ann"
    long = user(provider.token(preferred_username="x\x00" * 100)).name
    assert len(long) <= MAX_NAME
    assert long.isprintable()


def test_a_token_of_a_library_for_servers_is_accepted(user: Make, provider: Provider) -> None:
    """The least that RFC 9068 asks for, in the order of another writer."""
    claims = {"sub": "x", "aud": AUDIENCE, "exp": int(time.time()) + 60, "iss": provider.url}
    header = {"kid": "first", "typ": "at+jwt", "alg": "RS256", "x5t": "AA", "own": {"a": 1}}
    head, payload = encoded(header), encoded(claims)
    signature = jws.JWSRegistry.algorithms["RS256"].sign(f"{head}.{payload}".encode(), FIRST)
    token = f"{head}.{payload}.{encoded(signature)}"
    assert user(token, default_role="execute").roles == {Role.EXECUTE}
    assert jwt.decode(token, FIRST, registry=jws.JWSRegistry(strict_check_header=False))
