"""API keys: their form, what is stored of them, and what is accepted."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from pygeoapi_prefect.access.keys import Key, KeyList, Keys, generate, prefix_of
from pygeoapi_prefect.access.principal import Role

NOW = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)


def test_a_key_is_one_word_with_256_random_bits() -> None:
    text, stored = generate("ann", [Role.EXECUTE], NOW)
    assert re.fullmatch(r"pygeoapi_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", text)
    assert len(base64.urlsafe_b64decode(text[-43:] + "=")) == 32
    assert text.startswith(stored.prefix + "_")
    assert generate("ann", [Role.EXECUTE], NOW)[0] != text


def test_only_a_hash_of_it_is_stored() -> None:
    text, stored = generate("ann", [Role.ADMIN, Role.READ], NOW, days=30)
    assert stored.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert text[-43:] not in stored.model_dump_json()
    assert stored.roles == ("read", "admin")
    assert stored.expires == NOW + timedelta(days=30)
    assert stored.subject == "key:ann"


@pytest.mark.parametrize(
    "label", ["", "a b", "-a", "a:b", "a\n", "ä", "a" * 65, "\0", "a/b", "{{ flow }}"]
)
def test_a_label_is_a_name(label: str) -> None:
    with pytest.raises(ValidationError):
        generate(label, [Role.READ], NOW)
    with pytest.raises(ValidationError):
        Key.model_validate({**stored("x").model_dump(), "label": label})


@pytest.mark.parametrize("label", ["a", "Ann.Lee@example.org", "site-3+night", "a" * 64])
def test_labels_that_are_accepted(label: str) -> None:
    assert generate(label, [Role.READ], NOW)[1].label == label


def stored(label: str) -> Key:
    return generate(label, [Role.READ], NOW)[1]


def test_the_right_key_is_verified_and_no_other() -> None:
    text, ann = generate("ann", [Role.EXECUTE], NOW)
    other, bob = generate("bob", [Role.EXECUTE], NOW)
    known = Keys([ann, bob])
    assert known.verify(text, NOW) == ann
    assert known.verify(other, NOW) == bob
    changed = text[:-1] + ("A" if text[-1] != "A" else "B")
    strangers = [changed, text[:-1], text + "A", text.upper(), ann.prefix, ann.sha256, "", "\0"]
    strangers += [bob.prefix + text[len(ann.prefix) :], generate("ann", [Role.ADMIN], NOW)[0]]
    strangers += [f" {text}", f"{text}\n", f"{text},{text}", "\ud800"]
    for stranger in strangers:
        assert known.verify(stranger, NOW) is None, repr(stranger)
    assert Keys().verify(text, NOW) is None


def test_a_key_is_invalid_from_its_expiry_on() -> None:
    text, key = generate("ann", [Role.READ], NOW, days=1)
    end = NOW + timedelta(days=1)
    assert Keys([key]).verify(text, end - timedelta(seconds=1)) == key
    assert Keys([key]).verify(text, end) is None


def test_every_verification_compares_a_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown prefixes take as long as known ones."""
    text, key = generate("ann", [Role.READ], NOW)
    compared: list[tuple[str, str]] = []

    def compare(stored: str, sent: str) -> bool:
        compared.append((stored, sent))
        return stored == sent

    monkeypatch.setattr("hmac.compare_digest", compare)
    for sent in (text, "x", generate("bob", [Role.READ], NOW)[0]):
        Keys([key]).verify(sent, NOW)
    assert len(compared) == 3
    assert all(len(a) == len(b) == 64 for a, b in compared)


def test_the_prefix_names_a_key_without_its_secret() -> None:
    text, key = generate("ann", [Role.READ], NOW)
    assert prefix_of(text) == key.prefix
    assert prefix_of("pygeoapi_12345678") is None
    assert prefix_of("Basic abc") is None


def test_a_list_has_no_key_twice_and_no_unknown_member() -> None:
    ann, bob = stored("ann"), stored("bob")
    assert KeyList(keys=(ann, bob)).keys == (ann, bob)
    with pytest.raises(ValidationError, match="two keys have the label 'ann'"):
        KeyList(keys=(ann, stored("ann")))
    with pytest.raises(ValidationError, match="two keys have the prefix"):
        KeyList(keys=(ann, bob.model_copy(update={"prefix": ann.prefix})))
    for wrong in ({"version": 2}, {"other": 1}, {"keys": [{**ann.model_dump(), "role": "admin"}]}):
        with pytest.raises(ValidationError):
            KeyList.model_validate(wrong)


@pytest.mark.parametrize("roles", [[], ["root"], ["Admin"]])
def test_a_stored_key_has_roles_that_exist(roles: list[str]) -> None:
    with pytest.raises(ValidationError):
        Key.model_validate({**stored("ann").model_dump(), "roles": roles})
