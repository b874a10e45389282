"""What a signature of a deployment covers, and which runs differ from their deployment."""

import copy
from typing import Any

import pytest

from pygeoapi_prefect.engine.signatures import (
    SIGNATURE,
    Refused,
    code_digest,
    code_digest_of,
    is_signed,
    signed,
    verify,
    verify_run,
)

KEY, ANOTHER = b"k" * 32, b"l" * 32
CODE = code_digest([("process.py", b"code")])


def deployment(code: str | None = CODE, key: bytes = KEY) -> dict[str, Any]:
    """A signed deployment, as Prefect shows it, with members that are not signed."""
    made: dict[str, Any] = {
        "id": "d",
        "name": "pygeoapi",
        "version": "0123456789abcdef",
        "storage_document_id": "block" if code else None,
        "path": "echo/0123456789abcdef",
        "entrypoint": "process.py:run",
        "parameters": {"processor": '{"name": "Ä"}'},
        "pull_steps": None,
        "job_variables": {"env": {"A": "b"}, "timeout_seconds": 5.0, "memory_limit_mb": 1},
    }
    return made | {"job_variables": signed(made, code, key)}


def refused(found: dict[str, Any], key: bytes = KEY) -> str:
    with pytest.raises(Refused) as refusal:
        verify(found, key)
    return str(refusal.value)


def test_what_was_signed_is_accepted() -> None:
    verify(deployment(), KEY)
    verify(deployment(code=None), KEY)
    assert code_digest_of(deployment()) == CODE
    assert code_digest_of(deployment(code=None)) is None
    assert is_signed(deployment())


def test_an_equal_number_is_the_same() -> None:
    found = deployment()
    found["job_variables"] |= {"timeout_seconds": 5, "memory_limit_mb": 1.0}
    verify(found, KEY)


def test_what_is_not_signed_may_change() -> None:
    verify(deployment() | {"name": "x", "tags": ["a"], "paused": True, "description": "d"}, KEY)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("entrypoint", "other.py:run"), ("entrypoint", None), ("path", "elsewhere")),
        *(("storage_document_id", "another"), ("version", "f" * 16), ("parameters", {})),
        ("parameters", {"processor": '{"name": "os.system"}'}),
    ],
)
def test_a_changed_member_is_noticed(member: str, value: object) -> None:
    assert "signature of the deployment is wrong" in refused(deployment() | {member: value})


@pytest.mark.parametrize(
    "changes",
    [
        *({"env": {"A": "c"}}, {"env": {}}, {"env": {"A": "b", "LD_PRELOAD": "/tmp/x"}}),
        *({"command": "sh"}, {"working_dir": "/"}, {"memory_limit_mb": 2}),
    ],
)
def test_a_changed_job_variable_is_noticed(changes: dict[str, Any]) -> None:
    found = deployment()
    found["job_variables"] |= changes
    assert "signature of the deployment is wrong" in refused(found)


@pytest.mark.parametrize("mark", [{"code": "0" * 64}, {"hmac": "0" * 64}, {"hmac": None}])
def test_a_changed_mark_is_noticed(mark: dict[str, Any]) -> None:
    found = deployment()
    found["job_variables"][SIGNATURE] |= mark
    assert "signature of the deployment is wrong" in refused(found)


def test_another_key_is_noticed() -> None:
    assert "wrong" in refused(deployment(), ANOTHER)


@pytest.mark.parametrize("mark", [None, "x", ["hmac"], 1])
def test_a_deployment_without_a_signature(mark: object) -> None:
    found = deployment()
    found["job_variables"][SIGNATURE] = mark
    assert refused(found) == "the deployment is not signed"
    assert code_digest_of(found) is None
    del found["job_variables"][SIGNATURE]
    assert refused(found) == "the deployment is not signed"
    assert not is_signed(found)
    assert refused(found | {"job_variables": None}) == "the deployment is not signed"


def test_code_in_a_store_is_signed_itself() -> None:
    """Otherwise a block that leads elsewhere would be enough."""
    made = deployment(code=None) | {"storage_document_id": "block"}
    made["job_variables"].pop(SIGNATURE)
    made["job_variables"] = signed(made, None, KEY)
    assert refused(made) == "the code of the deployment is not signed"


def test_pull_steps_are_refused_whatever_the_signature() -> None:
    step = {"prefect.deployments.steps.run_shell_script": {"script": "id"}}
    assert refused(deployment() | {"pull_steps": [step]}) == "the deployment has pull steps"


RUN = {"parameters": {"processor": '{"name": "Ä"}', "job_id": "1"}, "job_variables": {}}


@pytest.mark.parametrize(
    "variables",
    [None, {}, {"timeout_seconds": 5}, {"env": {}}, {"env": {"A": "b"}}, {"env": None}],
)
def test_a_run_that_changes_nothing(variables: dict[str, Any] | None) -> None:
    verify_run(RUN | {"job_variables": variables}, deployment())


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"command": "sh -c id"}, "command"),
        ({"working_dir": "/tmp"}, "working_dir"),
        ({"timeout_seconds": 6}, "timeout_seconds"),
        ({"env": {"PYTHONPATH": "/tmp"}}, "PYTHONPATH"),
        ({"env": {"A": "c"}}, "A"),
        ({"env": {"A": None}}, "A"),
    ],
)
def test_a_run_with_a_job_variable_of_its_own(variables: dict[str, Any], named: str) -> None:
    with pytest.raises(Refused, match=f"job variable of its own: {named}$"):
        verify_run(RUN | {"job_variables": variables}, deployment())


@pytest.mark.parametrize("parameters", [{}, {"processor": '{"name": "os.system"}'}, None])
def test_a_run_that_changes_a_parameter_of_its_deployment(parameters: object) -> None:
    with pytest.raises(Refused, match="parameter of its deployment: processor"):
        verify_run(RUN | {"parameters": parameters}, deployment())


def test_verifying_changes_nothing() -> None:
    found = deployment()
    before = copy.deepcopy(found)
    verify(found, KEY)
    verify_run(RUN, found)
    assert found == before


def test_the_digest_of_code_has_all_paths_and_contents() -> None:
    made = [
        *([("a", b"b")], [("ab", b"")], [("a", b""), ("b", b"")], [], [("a", b"c")]),
        *([("b", b"b")], [("a", b"b"), ("c", b"")]),
    ]
    assert len({code_digest(files) for files in made}) == len(made)
