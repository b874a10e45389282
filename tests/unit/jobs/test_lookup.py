"""A job is looked up by its identifier and for a principal, and by nothing else."""

import pytest

from pygeoapi_prefect.access.principal import SYSTEM, Principal, Role, of_open_server
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.engine.shares import tags_of
from pygeoapi_prefect.errors import JobNotFoundError
from pygeoapi_prefect.jobs.lookup import find, known, tags_seen_by

JOB = "6f1c0c35-7c43-4a9c-9b32-7dc1a8ff1d54"
ANN = Principal("key:ann", frozenset({Role.EXECUTE}), "key", "ann")
BOB = Principal("key:bob", frozenset({Role.EXECUTE}), "key", "bob")
NOBODY = Principal("", frozenset({Role.EXECUTE}), "anonymous")
READER = Principal("key:ann", frozenset({Role.READ}), "key", "ann")


def run_of(*owners: str, ours: bool = True) -> Run:
    tags = [tag for owner in owners for tag in tags_of(owner)]
    fields = {"id": "1", "name": f"pygeoapi_job_{JOB}"}
    return Run.from_json({**fields, "tags": ["pygeoapi", *tags] if ours else tags})


@pytest.mark.parametrize("job_id", ["", "x", JOB.upper(), JOB.replace("-", ""), "../" + JOB])
def test_what_is_not_an_identifier_is_not_looked_up(
    job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "find", None)
    with pytest.raises(JobNotFoundError):
        find(job_id, SYSTEM)


def test_a_run_without_our_tag_is_not_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "find", lambda _: run_of("key:ann", ours=False))
    for principal in (SYSTEM, ANN):
        with pytest.raises(JobNotFoundError):
            find(JOB, principal)
    ours = run_of()
    monkeypatch.setattr(runs, "find", lambda _: ours)
    assert find(JOB, SYSTEM) is ours


@pytest.mark.parametrize(
    ("owners", "seen_by"),
    [
        (["key:ann"], {"ann", "system", "open"}),
        (["key:bob"], {"bob", "system", "open"}),
        (["192.0.2.1"], {"system", "open"}),
        (["anonymous"], {"system", "open"}),
        ([], {"system", "open"}),
    ],
)
def test_a_job_of_somebody_else_does_not_exist(
    owners: list[str], seen_by: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "find", lambda _: run_of(*owners))
    everybody = {"ann": ANN, "bob": BOB, "nobody": NOBODY, "system": SYSTEM}
    everybody["open"] = of_open_server("192.0.2.7")
    seen = {name for name, one in everybody.items() if known(JOB, one) is not None}
    assert seen == seen_by
    missing = []
    monkeypatch.setattr(runs, "find", lambda _: None)
    with pytest.raises(JobNotFoundError) as none:
        find(JOB, BOB)
    missing.append(str(none.value))
    monkeypatch.setattr(runs, "find", lambda _: run_of(*owners))
    for name in {"ann", "bob"} - seen_by:
        with pytest.raises(JobNotFoundError) as hidden:
            find(JOB, everybody[name])
        assert str(hidden.value) == missing[0], "nothing tells it from a job that does not exist"


def test_only_administrators_see_all_tags() -> None:
    assert tags_seen_by(SYSTEM) == ["pygeoapi"]
    assert tags_seen_by(ANN) == tags_seen_by(READER) == ["pygeoapi", tags_of("key:ann")[0]]
    assert tags_seen_by(ANN) != tags_seen_by(BOB)
    assert len(tags_seen_by(NOBODY)) == 2, "no job has the tag of nobody"
