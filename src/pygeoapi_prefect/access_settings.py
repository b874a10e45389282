"""Settings of access: ``server.manager.access`` of pygeoapi's configuration."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class RoleProcesses(BaseModel):
    """Processes that each role may use (``server.manager.access.roles``); None means all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: tuple[str, ...] | None = None
    execute: tuple[str, ...] | None = None

    def unknown(self, known: Collection[str]) -> list[str]:
        """The listed processes that are not configured."""
        listed = dict.fromkeys((*(self.read or ()), *(self.execute or ())))
        return [name for name in listed if name not in known]


class AccessSettings(BaseModel):
    """The ``server.manager.access`` mapping: who may do what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    anonymous: Literal["none", "read", "execute", "admin"] = Field(
        default="none", description="Role of clients without a key"
    )
    keys: Path | None = Field(default=None, description="File of the API keys, an absolute path")
    roles: RoleProcesses = RoleProcesses()

    @field_validator("keys")
    @classmethod
    def _is_absolute(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_absolute():
            raise ValueError("must be an absolute path")
        return value

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> Self:
        if self.keys is None and self.anonymous == "none":
            raise ValueError("set 'keys', 'anonymous' or both: nobody could do anything")
        return self
