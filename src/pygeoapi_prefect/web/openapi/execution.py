"""The execute operation of one process, with its real inputs and outputs."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pygeoapi_prefect.web.openapi.dialect import schema_object

JSON = "application/json"
_PREFER = {"$ref": "#/components/parameters/prefer"}
_KEY = {"$ref": "#/components/parameters/idempotencyKey"}
_LINK = {"$ref": "#/components/headers/Link"}
_APPLIED = {"$ref": "#/components/headers/PreferenceApplied"}
_FAULTS = {
    "400": "Invalid",
    "404": "NotFound",
    "409": "Conflict",
    "410": "Gone",
    "413": "TooLarge",
    "415": "UnsupportedMediaType",
    "422": "KeyReused",
    "500": "Failed",
    "503": "Unavailable",
    "504": "Timeout",
    "default": "Failed",
}


def path(process_id: str) -> str:
    """The path of a process's execute operation, without parameters."""
    return f"/processes/{quote(process_id, safe='')}/execution"


def path_item(description: Mapping[str, Any]) -> dict[str, Any]:
    """The path item of one process (requirement /req/core/process-execute-op).

    Args:
        description: The process description, as clients get it.
    """
    modes = ", ".join(description["jobControlOptions"])
    operation = {
        "tags": ["processes"],
        "summary": f"Execute {description.get('title') or description['id']}",
        "description": f"{description.get('description', '')}\n\nModes: {modes}".strip(),
        "operationId": f"execute-{description['id']}",
        "parameters": [_PREFER, _KEY],
        "requestBody": {"required": True, "content": {JSON: _body(description)}},
        "responses": _responses(description),
        "callbacks": CALLBACKS,
    }
    return {"post": operation}


def _body(description: Mapping[str, Any]) -> dict[str, Any]:
    inputs, outputs = description["inputs"], description["outputs"]
    required = [name for name, value in inputs.items() if value.get("minOccurs", 1) > 0]
    wanted = {"$ref": "#/components/schemas/output"}
    values: dict[str, Any] = {
        "type": "object",
        "properties": {name: _input(value) for name, value in inputs.items()},
        "additionalProperties": False,
    }
    body: dict[str, Any] = {
        "type": "object",
        "properties": {
            "inputs": values,
            "outputs": {
                "description": "The requested outputs; if absent, all of them",
                "type": "object",
                "properties": dict.fromkeys(outputs, wanted),
                "additionalProperties": False,
            },
            "response": {"type": "string", "enum": ["raw", "document"], "default": "raw"},
            "subscriber": {"$ref": "#/components/schemas/subscriber"},
        },
    }
    if required:
        values["required"] = required
        body["required"] = ["inputs"]
    content = {"schema": body}
    if description.get("example"):
        content["example"] = description["example"]
    return content


def _input(described: Mapping[str, Any]) -> dict[str, Any]:
    """An input's value: inline, qualified or by reference; once or several times."""
    schema = schema_object(described.get("schema"))
    qualified = {
        "type": "object",
        "required": ["value"],
        "properties": {
            "value": schema,
            "format": {"$ref": "#/components/schemas/format"},
            "mediaType": {"type": "string"},
            "encoding": {"type": "string"},
            "schema": {"oneOf": [{"type": "string"}, {"type": "object"}]},
        },
        "additionalProperties": False,
    }
    forms: list[dict[str, Any]] = [schema, qualified, {"$ref": "#/components/schemas/reference"}]
    most = described.get("maxOccurs", 1)
    if most == "unbounded" or int(most) > 1:
        several: dict[str, Any] = {"type": "array", "items": {"anyOf": forms}}
        least = int(described.get("minOccurs", 1))
        several |= {"minItems": least} if least else {}
        several |= {} if most == "unbounded" else {"maxItems": int(most)}
        forms = [*forms, several] if least <= 1 else [several]
    told = {name: described[name] for name in ("title", "description") if described.get(name)}
    return {**told, "anyOf": forms}


def _responses(description: Mapping[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {
        "200": {
            "description": "The results: a single output unchanged, several as multipart/related, "
            "or a JSON document of all; the header Link refers to the job",
            "headers": {"Link": _LINK, "Preference-Applied": _APPLIED},
            "content": _contents(description["outputs"]),
        },
        "204": {
            "description": "Links to the outputs, if all were requested by reference; "
            "or no content, if the process returned no output",
            "headers": {"Link": _LINK, "Preference-Applied": _APPLIED},
        },
    }
    if "async-execute" in description["jobControlOptions"]:
        responses["201"] = {
            "description": "The job was accepted, or did not finish within the wait time",
            "headers": {
                "Location": {"$ref": "#/components/headers/Location"},
                "Preference-Applied": _APPLIED,
            },
            "content": {JSON: {"schema": {"$ref": "#/components/schemas/statusInfo"}}},
        }
    faults = {code: {"$ref": f"#/components/responses/{name}"} for code, name in _FAULTS.items()}
    return {**responses, **faults}


def _contents(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The media types of a synchronous reply.

    A flow chooses the media type when it writes: what the description does not tell is ``*/*``.
    """
    values = {name: schema_object(output.get("schema")) for name, output in outputs.items()}
    document = {
        "type": "object",
        "properties": {name: _result(schema) for name, schema in values.items()},
    }
    media_types = dict.fromkeys(
        media_type for value in values.values() if (media_type := value.get("x-content-media-type"))
    )
    return {
        JSON: {"schema": {"anyOf": [document, *values.values()]}},
        "multipart/related": {"schema": {"type": "string"}},
        **{name: {"schema": {}} for name in media_types if name != JSON},
        "*/*": {"schema": {}},
    }


def _result(schema: Mapping[str, Any]) -> dict[str, Any]:
    """One output in a results document (``inlineOrRefData.yaml``)."""
    qualified = {
        "type": "object",
        "required": ["value"],
        "properties": {
            "value": {},
            "mediaType": {"type": "string"},
            "encoding": {"type": "string"},
        },
    }
    return {"anyOf": [schema, qualified, {"$ref": "#/components/schemas/link"}]}


def _callback(member: str, summary: str, schema: str) -> dict[str, Any]:
    body = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {
        f"{{$request.body#/subscriber/{member}}}": {
            "post": {
                "summary": summary,
                "requestBody": {"content": {JSON: body}},
                "responses": {"200": {"description": "The message has been received"}},
            }
        }
    }


CALLBACKS = {
    "jobSuccess": _callback("successUri", "The job is successful: its results", "results"),
    "jobInProgress": _callback("inProgressUri", "The job's status has changed", "statusInfo"),
    "jobFailed": _callback("failedUri", "The job has failed or was dismissed", "statusInfo"),
}
"""Requests to subscribers (conformance class Callback)."""
