"""The content of a block is encrypted with a new key."""

import pytest
from cryptography.fernet import Fernet, MultiFernet

from pygeoapi_prefect.bootstrap.database import encrypted_again, fernet
from pygeoapi_prefect.errors import ConfigurationError

OLD, NEW, OTHER = (Fernet(Fernet.generate_key()) for _ in range(3))
KEYS = MultiFernet([NEW, OLD])


@pytest.mark.parametrize("before", [OLD, NEW])
def test_the_new_key_reads_it_afterwards(before: Fernet) -> None:
    again = encrypted_again(before.encrypt(b"content").decode(), KEYS)
    assert NEW.decrypt(again) == b"content"


def test_a_block_of_another_key_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="neither the old key nor the new one"):
        encrypted_again(OTHER.encrypt(b"content").decode(), KEYS)


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}, {"KEY": "short"}])
def test_what_is_no_key_is_named_and_not_shown(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"^KEY is not 32 bytes in URL-safe base 64$"):
        fernet("KEY", environ)
