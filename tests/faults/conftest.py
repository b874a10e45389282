"""The stack that all fault tests share."""

from collections.abc import Iterator

import pytest

from faults.components import Place
from faults.place import standing


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with standing(tmp_path_factory.mktemp("faults")) as made:
        yield made
