"""Every request that we send fits the OpenAPI document of the Prefect that is installed."""

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest
from prefect.server.api.server import create_app

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.routes import Call

ID = "5f1f1c0e-7d6c-4f7e-8a5e-0d7f0d1b2c3d"
TIME = "2026-11-28T12:00:00+00:00"
RUN = {
    "name": "pygeoapi_job_1",
    "parameters": {"job_id": "1"},
    "tags": ["pygeoapi"],
    "labels": {"a": "b"},
    "idempotency_key": "1",
    "state": {"type": "SCHEDULED"},
}
DEPLOYMENT: dict[str, Any] = {
    "version": "0123456789abcdef",
    "description": None,
    "tags": [],
    "work_pool_name": "pygeoapi",
    "work_queue_name": "pygeoapi",
    "storage_document_id": ID,
    "path": "folder",
    "entrypoint": "process.py:flow",
    "parameters": {},
    "parameter_openapi_schema": {"type": "object", "properties": {}},
    "enforce_parameter_schema": False,
    "job_variables": {"env": {"A": "b"}},
    "concurrency_limit": 1,
}
STATE = routes.state("FAILED", "why", name="TimedOut", data={"type": "x"}, scheduled_time=TIME)
EXAMPLES: dict[str, Call] = {
    "create_run": routes.create_run(
        ID, {**RUN, "empirical_policy": {"retries": 1, "retry_delay": 2}}
    ),
    "record_run": routes.record_run({**RUN, "flow_id": ID, "state": {"type": "RUNNING"}}),
    "read_run": routes.read_run(ID),
    "filter_runs": routes.filter_runs({"tags": {"all_": ["pygeoapi"]}}, limit=200, offset=1),
    "filter_claimed_runs": routes.filter_claimed_runs("pygeoapi", offset=0),
    "count_runs": routes.count_runs({"tags": {"all_": ["pygeoapi"]}}),
    "scheduled_runs": routes.scheduled_runs("pygeoapi", ["pygeoapi"], before=TIME, limit=8),
    "filter_due_runs": routes.filter_due_runs(
        [ID],
        {"operator": "or_", "any_": ["share:00"], "is_null_": True},
        before=TIME,
        limit=8,
        without=[ID],
    ),
    "set_state": routes.set_state(ID, STATE, force=True),
    "run_states": routes.run_states(ID),
    "update_run": routes.update_run(ID, {"empirical_policy": {"retry_type": "reschedule"}}),
    "update_labels": routes.update_labels(ID, {"pygeoapi.progress": 5}),
    "delete_run": routes.delete_run(ID),
    "write_logs": routes.write_logs(
        [{"name": "a", "level": 20, "message": "b", "timestamp": TIME, "flow_run_id": ID}]
    ),
    "find_log_line": routes.find_log_line(ID, TIME),
    "create_flow": routes.create_flow("zonal-statistics"),
    "create_deployment": routes.create_deployment({"name": "a", "flow_id": ID, **DEPLOYMENT}),
    "update_deployment": routes.update_deployment(ID, DEPLOYMENT),
    "read_deployment": routes.read_deployment(ID),
    "find_deployment": routes.find_deployment("flow", "deployment"),
    "filter_deployments": routes.filter_deployments(offset=200),
    "version": routes.version(),
    "create_pool": routes.create_pool("pygeoapi", "process", {"variables": {}}),
    "read_pool": routes.read_pool("pygeoapi"),
    "update_pool": routes.update_pool("pygeoapi", {"is_paused": True, "description": None}),
    "create_queue": routes.create_queue("pygeoapi", "fast", 1),
    "read_queue": routes.read_queue("pygeoapi", "fast"),
    "update_queue": routes.update_queue("pygeoapi", "fast", 2),
    "filter_workers": routes.filter_workers("pygeoapi"),
    "delete_worker": routes.delete_worker("pygeoapi", "worker-1"),
    "read_block": routes.read_block(ID),
    "find_block": routes.find_block("remote-file-system", "results"),
    "ready": routes.ready(),
}
UNCHECKED_BODIES = {"update_labels"}  # any JSON object


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The OpenAPI document of Prefect's server; making it connects to nothing."""
    app = create_app(ephemeral=False)
    found: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return found


def test_every_route_has_an_example_here() -> None:
    makers = {
        name
        for name, function in inspect.getmembers(routes, inspect.isfunction)
        if function.__module__ == routes.__name__
        and inspect.signature(function).return_annotation is Call
    }
    assert makers == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_prefect_has_the_route_and_takes_the_body(name: str, document: dict[str, Any]) -> None:
    call = EXAMPLES[name]
    path = document["paths"].get(call.route)
    assert path, f"Prefect has no route {call.route} any more"
    operation = path.get(call.method.lower())
    assert operation, f"Prefect's {call.route} no longer takes {call.method}"
    parameters = {(one["in"], one["name"]): one for one in operation.get("parameters", ())}
    assert set(call.values) == {key for where, key in parameters if where == "path"}
    missing = set(call.query) - {key for where, key in parameters if where == "query"}
    assert not missing, f"Prefect's {call.route} no longer takes the query parameters {missing}"
    body = operation.get("requestBody")
    assert (call.body is not None) == bool(body), f"{call.route}: a body is sent or wanted"
    if body is None or name in UNCHECKED_BODIES:
        return
    schema = body["content"]["application/json"]["schema"]
    assert list(problems(call.body, schema, document)) == [], f"Prefect's {call.route} refuses"
    unknown = unknown_members(call.body, schema, document)
    assert not unknown, f"Prefect's {call.route} no longer knows {sorted(unknown)}"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("create_run", {"parameters": 5}),
        ("set_state", {"state": {"type": "DONE"}}),
        ("create_deployment", {"no_such_member": 1}),
        ("filter_runs", {"sort": "SIDEWAYS"}),
    ],
)
def test_a_body_that_prefect_would_refuse_is_noticed(
    name: str, change: dict[str, Any], document: dict[str, Any]
) -> None:
    call = EXAMPLES[name]
    operation = document["paths"][call.route][call.method.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    body = {**call.body, **change}
    assert list(problems(body, schema, document)) or unknown_members(body, schema, document)


def problems(body: Any, schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    """Faults of a body; references lead into the whole document."""
    whole = {**schema, "components": document["components"]}
    for error in jsonschema.Draft202012Validator(whole).iter_errors(body):
        yield error.message


def unknown_members(body: Any, schema: Mapping[str, Any], document: Mapping[str, Any]) -> set[str]:
    """Members of a body, or of its parts, that the schema does not name and Prefect would drop."""
    if isinstance(body, list):
        item = resolved(schema, document).get("items", {})
        return {name for one in body for name in unknown_members(one, item, document)}
    known = resolved(schema, document).get("properties")
    if known is None or not isinstance(body, dict):
        return set()
    inner = {
        name
        for key in set(body) & set(known)
        for name in unknown_members(body[key], known[key], document)
    }
    return (set(body) - set(known)) | inner


def resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference, alone or beside null, leads to."""
    for alternative in schema.get("anyOf", ()):
        if "$ref" in alternative:
            return resolved(alternative, document)
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
    return found
