from pathlib import Path

import pytest

from pygeoapi_prefect.embedded.errors import EmbeddedError
from pygeoapi_prefect.embedded.processes import Identity
from pygeoapi_prefect.embedded.record import Record, forget, locked

RECORD = Record(
    supervisor=Identity(1, 2.5),
    url="http://localhost:5000",
    prefect_url="http://127.0.0.1:4200",
    prefect_api_url="http://127.0.0.1:4200/api",
    processes={"worker": Identity(3, 4.25)},
    ready=True,
)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert Record.read(tmp_path) is None
    RECORD.write(tmp_path)
    assert Record.read(tmp_path) == RECORD
    assert RECORD.identities() == [Identity(1, 2.5), Identity(3, 4.25)]
    forget(tmp_path)
    assert Record.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", '{"supervisor": 1}', "[]"])
def test_a_damaged_record_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)

    with pytest.raises(EmbeddedError, match="is damaged"):
        Record.read(tmp_path)


def test_the_lock_has_one_holder(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    with (
        locked(tmp_path),
        pytest.raises(EmbeddedError, match="already running: pygeoapi http://localhost:5000"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):  # it was given back
        pass
