"""Values of inputs: inline, qualified or by reference (OGC API - Processes - Part 1, 7.11.2.2).

What a value is follows from its form alone, so that a large one is looked at once and kept as is:

=====================================================  =======================================
value                                                  becomes
=====================================================  =======================================
string, number, boolean                                ``ExecutionInputValueNoObject``
``{"bbox": [...], "crs": ...}``                        the same, around ``ExecutionInputBBox``
array                                                  the same, around a list
array with links or qualified values in it             list of what each value becomes
``{"href": ..., "type": ...}``                         ``Link``
``{"value": ..., "format" | "mediaType" ...}``         ``ExecutionQualifiedInputValue``
any other object                                       ``ExecutionInputObject``, a dict
null                                                   an error
=====================================================  =======================================
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self, override

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    RootModel,
    Strict,
    Tag,
    model_validator,
)

from pygeoapi_prefect.models.base import DunderRoot, JsonNumber, Link, Model

MAX_BOXES = 10_000
"""A longer array of bounding boxes stays as it is: models of them would take seconds."""

MAX_SEVERAL = 10_000
"""Values of one input, if links or qualified ones are among them."""

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

LINK_MEMBERS = frozenset({"href", "type", "rel", "title", "hreflang", "format", "schema"})
QUALIFIERS = frozenset({"mediaType", "encoding", "schema"})
QUALIFIED_MEMBERS = QUALIFIERS | {"value", "format"}


def is_link(value: object) -> bool:
    """Return true if a JSON value is a reference (``link.yaml``; some add ``format``)."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("href"), str)
        and value.keys() <= LINK_MEMBERS
    )


def is_qualified(value: object) -> bool:
    """Return true if a JSON value is qualified (``qualifiedInputValue.yaml``)."""
    return isinstance(value, dict) and "value" in value and value.keys() <= QUALIFIED_MEMBERS


def is_bbox(value: object) -> bool:
    """Return true if a JSON value is a bounding box (``bbox.yaml``), valid or not."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("bbox"), list)
        and value.keys() <= {"bbox", "crs"}
    )


class ExecutionInputBBox(Model):
    """A bounding box (``bbox.yaml``).

    Attributes:
        bbox: Lower corner, then upper corner: 4 numbers, or 6 with heights; in units of ``crs``.
        crs: URI of the coordinate reference system.
    """

    bbox: Annotated[list[JsonNumber], Field(fail_fast=True)]
    crs: str = CRS84

    @model_validator(mode="after")
    def _four_or_six(self) -> Self:
        if len(self.bbox) not in (4, 6):
            raise ValueError(f"a bounding box has 4 or 6 numbers, not {len(self.bbox)}")
        return self


class ExecutionInputValueNoObjectArray(DunderRoot, list[Any]):
    """An array, as a list that offers itself as ``root`` and ``__root__`` as well.

    The 2023 models wrapped arrays twice; flows that unwrap them twice go on working.
    """

    @property
    @override
    def root(self) -> Self:
        """The list itself."""
        return self


class ExecutionInputObject(DunderRoot, dict[str, Any]):
    """An object, as a dict that offers itself as ``root`` and ``__root__`` as well."""

    @property
    @override
    def root(self) -> Self:
        """The dict itself."""
        return self


def _form_of_inline(value: object) -> str | None:
    """Tag of the branch of ``ExecutionInputValueNoObject`` that a value belongs to."""
    if isinstance(value, str | int | float):
        return "literal"
    if isinstance(value, ExecutionInputBBox) or is_bbox(value):
        return "bbox"
    if isinstance(value, list | tuple):
        boxes = 0 < len(value) <= MAX_BOXES and all(
            isinstance(v, ExecutionInputBBox) or is_bbox(v) for v in value
        )
        return "boxes" if boxes else "array"
    return None


_Literal = Annotated[str, Strict()] | Annotated[bool, Strict()] | JsonNumber


class ExecutionInputValueNoObject(
    DunderRoot,
    RootModel[
        Annotated[
            Annotated[_Literal, Tag("literal")]
            | Annotated[ExecutionInputBBox, Tag("bbox")]
            | Annotated[list[Any], AfterValidator(ExecutionInputValueNoObjectArray), Tag("array")]
            | Annotated[
                list[ExecutionInputBBox],
                AfterValidator(ExecutionInputValueNoObjectArray),
                Tag("boxes"),
            ],
            Discriminator(
                _form_of_inline,
                custom_error_type="inline_value",
                custom_error_message="expected a string, number, boolean, bounding box or array",
            ),
        ]
    ],
):
    """An inline value that is not an object: a literal, a bounding box or an array.

    Numbers keep their type: 1 stays an integer, 1.0 a float, true a boolean.
    """


class ExecutionFormat(Model):
    """Format of a value (``format.yaml``).

    Attributes:
        media_type: Media type, for example ``image/tiff``.
        encoding: How bytes are written as text, for example ``base64``.
        schema_: URL of a schema, or the schema.
    """

    # Nothing that a client says of a value is lost on its way to the flow.
    model_config = ConfigDict(extra="allow")

    media_type: str | None = Field(default=None, alias="mediaType")
    encoding: str | None = None
    schema_: str | dict[str, Any] | None = Field(default=None, alias="schema")


def _form_of_value(value: object) -> str | None:
    """Tag of an inline value that may be an object."""
    if value is None:
        return None
    if isinstance(value, dict) and not is_bbox(value):
        return "object"
    return "inline"


_NULL = "null is not a valid value; omit the input instead"

InlineValue = Annotated[
    Annotated[ExecutionInputValueNoObject, Tag("inline")]
    | Annotated[dict[str, Any], AfterValidator(ExecutionInputObject), Tag("object")],
    Discriminator(_form_of_value, custom_error_type="null_value", custom_error_message=_NULL),
]
"""A value without qualifiers."""


class ExecutionQualifiedInputValue(Model):
    """A value with its format (``qualifiedInputValue.yaml``).

    The standard writes ``mediaType``, ``encoding`` and ``schema`` beside ``value``; its compliance
    tests write them into a nested ``format``. Both are read, the nested form is written.

    Attributes:
        value: The inline value; an object is never taken for a link or for qualified here.
        format_: Its format, if one was given.
    """

    # It is known by its members' names, so a dump has them too.
    model_config = ConfigDict(serialize_by_alias=True)

    value: InlineValue
    format_: ExecutionFormat | None = Field(default=None, alias="format")

    @model_validator(mode="before")
    @classmethod
    def _nest_format(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not QUALIFIERS & data.keys():
            return data
        flat = {name: data[name] for name in data if name in QUALIFIERS}
        rest = {name: data[name] for name in data if name not in QUALIFIERS}
        nested = rest.get("format") or {}
        if not isinstance(nested, Mapping):
            return data
        return {**rest, "format": {**flat, **nested}}


def _form_of_item(value: object) -> str | None:
    """Tag of a single value of an input."""
    if isinstance(value, Link) or is_link(value):
        return "link"
    if isinstance(value, ExecutionQualifiedInputValue) or is_qualified(value):
        return "qualified"
    return _form_of_value(value)


def _form_of_input(value: object) -> str | None:
    """Tag of an input's value, or of several values."""
    if isinstance(value, list | tuple) and not isinstance(value, ExecutionInputValueNoObjectArray):
        if set(map(type, value)) <= _PLAIN:  # quick, for millions of numbers
            return "inline"
        return "several" if any(map(_has_form, value)) else "inline"
    return _form_of_item(value)


_PLAIN = {str, int, float, bool, list}
_WITHOUT_FORM = {*_PLAIN, type(None)}
_FORMS = frozenset({"link", "qualified"})


def _has_form(value: object) -> bool:
    """Return true for a link or a qualified value; a million of other values take no time."""
    if type(value) in _WITHOUT_FORM:
        return False
    if type(value) is dict and "href" not in value and "value" not in value:
        return False
    return _form_of_item(value) in _FORMS


ExecutionInputItem = Annotated[
    Annotated[ExecutionInputValueNoObject, Tag("inline")]
    | Annotated[dict[str, Any], AfterValidator(ExecutionInputObject), Tag("object")]
    | Annotated[ExecutionQualifiedInputValue, Tag("qualified")]
    | Annotated[Link, Tag("link")],
    Discriminator(_form_of_item, custom_error_type="null_value", custom_error_message=_NULL),
]
"""A single value, inline, qualified or by reference."""

ExecutionInputValue = Annotated[
    Annotated[ExecutionInputValueNoObject, Tag("inline")]
    | Annotated[dict[str, Any], AfterValidator(ExecutionInputObject), Tag("object")]
    | Annotated[ExecutionQualifiedInputValue, Tag("qualified")]
    | Annotated[Link, Tag("link")]
    | Annotated[
        list[ExecutionInputItem], Field(max_length=MAX_SEVERAL, fail_fast=True), Tag("several")
    ],
    Discriminator(_form_of_input, custom_error_type="null_value", custom_error_message=_NULL),
]
"""The value of an input: a single one, or several with links or qualified values among them."""
