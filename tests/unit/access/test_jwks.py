"""Key sets of issuers: which keys are used, and for which tokens."""

from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from pygeoapi_prefect.access.jwks import MAX_KEYS, KeyRing, ring

RSA = RSAKey.generate_key(2048)


def public(key: RSAKey | ECKey | OKPKey | OctKey, **parameters: Any) -> dict[str, Any]:
    shown = key.as_dict(private=isinstance(key, OctKey))
    return {**shown, **parameters}


def test_keys_are_found_by_their_identifiers() -> None:
    curve, edwards = ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")
    listed = [
        public(RSA, kid="a", use="sig"),
        public(curve, kid="b"),
        public(edwards, kid="c", alg="Ed25519"),
    ]
    found = ring({"keys": listed, "other": 1})
    kinds = {kid: type(found.find(kid)) for kid in ("a", "b", "c", "d")}
    assert kinds == {"a": RSAKey, "b": ECKey, "c": OKPKey, "d": type(None)}
    assert found.find(None) is None
    assert len(found) == 3


def test_a_token_without_an_identifier_has_the_only_key() -> None:
    for parameters in ({}, {"kid": "a"}):
        assert ring({"keys": [public(RSA, **parameters)]}).find(None) is not None
    assert KeyRing().find(None) is None


def test_keys_for_other_purposes_are_left_out() -> None:
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024)
    others: list[Any] = [
        public(RSA, kid="encrypts", use="enc"),
        public(OctKey.generate_key(256), kid="symmetric"),
        {"kty": "AKP", "kid": "unknown"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "curve"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "nothing"},
        {"kty": ["RSA"], "kid": "list"},
        {"kid": "no kind"},
        public(RSA, kid=7),
        "text",
        None,
    ]
    found = ring({"keys": [*others, public(RSA, kid="good")]})
    assert len(found) == 1
    assert found.find("good") is not None
    with pytest.warns(SecurityWarning), pytest.raises(ValueError, match="no public key"):
        ring({"keys": [public(short, kid="short")]})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (None, "no list"),
        ([], "no list"),
        ({"keys": {}}, "no list"),
        ({"keys": []}, "no public key"),
        ({"keys": [{}] * (MAX_KEYS + 1)}, "more than"),
    ],
)
def test_what_is_no_key_set_is_rejected(document: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ring(document)
