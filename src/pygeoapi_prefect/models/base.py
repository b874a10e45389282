"""Base class of all models, and links."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Strict
from pydantic_core import from_json

from pygeoapi_prefect.models.link_header import link_header

JsonNumber = Annotated[int, Strict()] | Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A JSON number that keeps its type: 1 does not become 1.0, and true is not a number."""


class Model(BaseModel):
    """Base of the models: a field is known by its alias (the standard's name) and its own name."""

    model_config = ConfigDict(populate_by_name=True)


class Document(Model):
    """A model that travels on its own, as JSON that holds only what was given."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON data with the standard's names; what was not given is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)

    def to_json(self) -> str:
        """Return it as JSON text with the standard's names; what was not given is absent."""
        return self.model_dump_json(by_alias=True, exclude_unset=True, exclude_none=True)


class DunderRoot:
    """Offers the value of a root model as ``__root__`` too, the name that it had in pydantic 1.

    A mixin, because pydantic 2 refuses that name in the body of a model.
    """

    root: Any

    @property
    def __root__(self) -> Any:
        """The value; the same as ``root``."""
        return self.root


class Link(Model):
    """A link (``link.yaml``), in a description or as an input given by reference.

    Attributes:
        href: URL.
        type_: Media type of what is there.
        rel: Relation of it to what the link stands in (RFC 8288).
        title: Label for people.
        href_lang: Language of what is there (RFC 5646).
    """

    # An input by reference may carry "format" and "schema" as well. It is known by its members'
    # names, so a dump has them too: `{"href": ..., "type_": ...}` is a client's data, not a link.
    model_config = ConfigDict(extra="allow", serialize_by_alias=True)

    href: str
    type_: str | None = Field(default=None, alias="type")
    rel: str | None = None
    title: str | None = None
    href_lang: str | None = Field(default=None, alias="hreflang")

    @property
    def media_type(self) -> str | None:
        """Media type of the target: ``type``, else the ``mediaType`` of a nested ``format``."""
        nested = (self.model_extra or {}).get("format")
        found = self.type_ or (nested.get("mediaType") if isinstance(nested, dict) else None)
        return found if isinstance(found, str) else None

    def as_link_header(self) -> str:
        """Return the link as value of a ``Link`` header (RFC 8288)."""
        return link_header(
            self.href, rel=self.rel, title=self.title, type=self.type_, hreflang=self.href_lang
        )


def parse_json(text: str | bytes) -> Any:
    """Read JSON text, strictly.

    Raises:
        ValueError: It is not JSON (NaN and Infinity are not), holds a lone surrogate or an integer
            of thousands of digits, or is nested deeper than 200 levels.
    """
    return from_json(text, allow_inf_nan=False)
