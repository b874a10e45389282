"""A process's inputs as fields of a form, and its request as a line for the shell. Pure."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pygeoapi_prefect.results import links

TYPES = {"date": "date", "uri": "url", "email": "email"}


@dataclass(frozen=True)
class Field:
    """One control of the form.

    Attributes:
        id: Identifier of the input.
        title: Its label.
        description: Help for people.
        required: Whether a request needs it.
        control: ``input``, ``select`` or ``textarea``.
        reads: How a script reads its text: ``text``, ``number`` or ``json``.
        value: What stands there at first.
        options: Values and labels of a ``select``; each value is JSON.
        attributes: Further HTML attributes.
    """

    id: str
    title: str
    description: str
    required: bool
    control: str
    reads: str
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


def fields(description: Mapping[str, Any]) -> list[Field]:
    """The fields for a process description (``process.yaml``)."""
    examples = example_inputs(description)
    return [
        _field(key, declared, examples.get(key))
        for key, declared in (description.get("inputs") or {}).items()
    ]


def example_inputs(description: Mapping[str, Any]) -> dict[str, Any]:
    """Initial values: the description's example, else defaults and required inputs."""
    example = description.get("example")
    if isinstance(example, Mapping) and isinstance(example.get("inputs"), Mapping):
        return dict(example["inputs"])
    found = {}
    for key, declared in (description.get("inputs") or {}).items():
        schema = declared.get("schema") or {}
        value = _given(schema)
        if value is None and _required(declared):
            value = _sample(schema)
        if value is not None:
            found[key] = value
    return found


def curl(root: str, description: Mapping[str, Any]) -> str:
    """A line for the shell that executes the process with the example."""
    body = json.dumps({"inputs": example_inputs(description)}, ensure_ascii=False)
    url = links.process_url(root, str(description["id"])) + "/execution"
    prefer: tuple[str, ...] = ()
    if "async-execute" in description.get("jobControlOptions", ()):
        prefer = ("-H", "Prefer: respond-async")
    words = ("curl", url, "-H", "Content-Type: application/json", *prefer, "-d", body)
    return " ".join(shlex.quote(word) for word in words)


def _field(key: str, declared: Mapping[str, Any], example: Any) -> Field:
    schema = declared.get("schema") or {}
    control, reads, options, attributes = _control(declared, schema)
    return Field(
        id=key,
        title=str(declared.get("title") or key),
        description=str(declared.get("description") or ""),
        required=_required(declared),
        control=control,
        reads=reads,
        value=_text(example, reads),
        options=options,
        attributes=attributes,
    )


def _control(
    declared: Mapping[str, Any], schema: Mapping[str, Any]
) -> tuple[str, str, tuple[tuple[str, str], ...], dict[str, str]]:
    most = declared.get("maxOccurs", 1)
    kind = schema.get("type")
    if most != 1:
        return "textarea", "json", (), {}
    if isinstance(schema.get("enum"), list):
        options = tuple((json.dumps(v, ensure_ascii=False), str(v)) for v in schema["enum"])
        return "select", "json", options, {}
    if kind == "boolean":
        return "select", "json", (("true", "yes"), ("false", "no")), {}
    if kind in ("number", "integer"):
        limits = {"minimum": "min", "maximum": "max"}
        attributes = {limits[k]: str(schema[k]) for k in limits if k in schema}
        step = "1" if kind == "integer" else "any"
        return "input", "number", (), {"type": "number", "step": step, **attributes}
    if kind == "string" and not schema.get("contentMediaType"):
        return "input", "text", (), {"type": TYPES.get(str(schema.get("format")), "text")}
    return "textarea", "text" if kind == "string" else "json", (), {}


def _text(value: Any, reads: str) -> str:
    if value is None:
        return ""
    if reads == "text" and isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _required(declared: Mapping[str, Any]) -> bool:
    return bool(declared.get("minOccurs", 1) != 0)


def _given(schema: Mapping[str, Any]) -> Any:
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        return examples[0]
    return schema.get("example", schema.get("default"))


def _sample(schema: Mapping[str, Any]) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    samples = {"string": "text", "number": 1, "integer": 1, "boolean": True, "array": []}
    return samples.get(str(schema.get("type")))
