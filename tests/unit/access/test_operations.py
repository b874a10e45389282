"""The table of operations: what it has, and what becomes of the rest."""

import pytest

from pygeoapi_prefect.access.operations import EXECUTION, OPERATIONS, least_role, template
from pygeoapi_prefect.access.principal import Role


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/", "/"),
        ("/jobs/<job_id>/results/<any_name:output_id>", "/jobs/{}/results/{}"),
        ("/jobs/{jobID}/results/{outputID}", "/jobs/{}/results/{}"),
        ("/processes/<process_id>/execution", EXECUTION),
        ("/processes/{processID}/execution", EXECUTION),
        ("/processes/hello-world/execution", EXECUTION),
        ("/processes/a%2Fb/execution", EXECUTION),
        ("/processes/a/b/execution", "/processes/a/b/execution"),
        ("/static/<path:filename>", "/static/{}"),
    ],
)
def test_paths_of_flask_and_openapi_have_one_shape(path: str, shape: str) -> None:
    assert template(path) == shape


def test_the_table_has_only_shapes() -> None:
    assert all(template(path) == path for _, path in OPERATIONS)
    assert {method for method, _ in OPERATIONS} == {"GET", "POST", "DELETE"}


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [
        ("GET", "/healthz", None),
        ("HEAD", "/readyz", None),
        ("POST", "/healthz", Role.ADMIN),
        ("GET", "/processes", Role.READ),
        ("HEAD", "/jobs/{}", Role.EXECUTE),
        ("DELETE", "/jobs/{}", Role.EXECUTE),
        ("POST", "/processes/echo/execution", Role.EXECUTE),
        ("GET", "/collections/<path:collection_id>/items", Role.READ),
        ("POST", "/collections/<path:collection_id>/items", Role.ADMIN),
        ("PUT", "/jobs/{}", Role.ADMIN),
        ("GET", "/something/new", Role.READ),
        ("GET", "/admin/config/resources/<resource_id>", Role.ADMIN),
        ("TRACE", "/", Role.ADMIN),
        ("OPTIONS", "/jobs/{}", None),
    ],
)
def test_the_least_role(method: str, path: str, least: Role | None) -> None:
    assert least_role(method, path) == least


def test_only_probes_and_files_of_pages_are_open() -> None:
    opened = {path for (_, path), least in OPERATIONS.items() if least is None}
    files = {"/assets/{}", "/static/{}", "/openapi/ui/{}"}
    assert opened == {"/healthz", "/readyz", "/sign-in", *files}
