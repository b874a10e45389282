"""Settings that are read from environment variables, each a field whose alias is the variable.

They are not in pygeoapi's configuration because several processes need them, and only the web
process and the commands read that file. ``scripts/document`` writes the tables of them in
``docs/configuration.md``.

Not here: variables of pygeoapi, of Prefect and of S3 clients, options of commands, those with which
one of our processes tells another something, and that of the worker's health check, which loads no
library.
"""

import logging
from typing import Annotated, Self

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pygeoapi_prefect.errors import ConfigurationError

LOGGER = logging.getLogger(__name__)


def _digits(value: object) -> object:
    """Reject other forms of a number, such as ``1_000``, ``+7`` and ``7.0``."""
    if isinstance(value, str) and not value.isdecimal():
        raise PydanticCustomError("digits", "Input should be a whole number, written in digits")
    return value


def _split(value: object) -> object:
    """Split a list that is separated by commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Count = Annotated[int, BeforeValidator(_digits), Field(gt=0)]
Lowercase = Annotated[str, StringConstraints(to_lower=True)]


class EnvironmentSettings(BaseSettings):
    """Base of the classes below; their instances are made by ``from_env``."""

    model_config = SettingsConfigDict(frozen=True, case_sensitive=True, env_ignore_empty=True)

    @classmethod
    def from_env(cls) -> Self:
        """Read the environment; an empty variable counts as not set.

        Raises:
            ConfigurationError: A value is invalid; names each variable and what was expected.
        """
        try:
            return cls()
        except ValidationError as error:
            told = [f"{issue['loc'][0]}: {issue['msg']}" for issue in error.errors()]
            raise ConfigurationError("; ".join(told)) from error


class OutgoingSettings(EnvironmentSettings):
    """Limits of requests that a client causes: inputs by reference, callbacks."""

    allowed_hosts: Annotated[tuple[Lowercase, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(),
        validation_alias="OUTGOING_ALLOWED_HOSTS",
        json_schema_extra={"read_by": "web, worker"},
        description="comma-separated hosts, addresses or networks that inputs by reference and "
        "callbacks may lead to although they are not public: private, or of any other row of "
        "IANA's special-purpose registries",
    )
    max_bytes: int = Field(
        default=1024**3,
        gt=0,
        validation_alias="OUTGOING_MAX_BYTES",
        json_schema_extra={"read_by": "worker"},
        description="largest download by a flow, in bytes",
    )
    timeout_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias="OUTGOING_TIMEOUT_SECONDS",
        json_schema_extra={"read_by": "worker"},
        description="longest download by a flow, in seconds",
    )


class WebSettings(EnvironmentSettings):
    """The place of the web process."""

    bind: str | None = Field(
        default=None,
        validation_alias="PYGEOAPI_BIND",
        json_schema_extra={"read_by": "web"},
        description="address at which clients reach the server; gunicorn's `--bind` if it is not "
        "set. Without `access` it must be loopback. In Compose it is the address on the host",
    )


class WorkerSettings(EnvironmentSettings):
    """Behaviour of the worker."""

    preload: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(),
        validation_alias="PYGEOAPI_WORKER_PRELOAD",
        json_schema_extra={"read_by": "worker"},
        description="comma-separated modules to import before the first job; modules that jobs "
        "import are added by themselves",
    )
    grace_seconds: float = Field(
        default=7,  # docker stop kills after 10
        validation_alias="PYGEOAPI_WORKER_GRACE_SECONDS",
        json_schema_extra={"read_by": "worker"},
        description="how long jobs may take to end after SIGTERM, in seconds; Compose sets 20, "
        "`scripts/start` sets 3",
    )


class LogSettings(EnvironmentSettings):
    """Limits of the log of a job; an invalid one is ignored, as it must not end the job."""

    max_lines: Count = Field(
        default=2_000_000,
        validation_alias="PYGEOAPI_LOG_MAX_LINES",
        json_schema_extra={"read_by": "worker, web"},
        description="lines that one process may add to the log of a job. If a job starts again in "
        "another process (`crash_retries`, a worker that died or handed it back, a resumed job), "
        "counting starts again, so the whole log may be several times as long. The log says when "
        "the limit is reached. To set it for one deployment only, use the job variable `env`",
    )
    max_mb: Count = Field(
        default=512,
        validation_alias="PYGEOAPI_LOG_MAX_MB",
        json_schema_extra={"read_by": "worker, web"},
        description="the same in MiB",
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_default(
        cls, value: object, validate: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> object:
        try:
            return validate(value)
        except ValidationError:
            field = cls.model_fields[str(info.field_name)]
            variable = field.validation_alias
            LOGGER.warning("%s=%s is not a positive number; using the default", variable, value)
            return field.default


class SigningSettings(EnvironmentSettings):
    """The key that deployments are signed with; Prefect never has it."""

    deployment_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        validation_alias="PYGEOAPI_DEPLOYMENT_KEY",
        json_schema_extra={"read_by": "worker, commands"},
        description="secret of at least 32 characters with which the deploying commands sign "
        "deployments, and without whose signature a worker runs none. Without it, deployments are "
        "not signed, and a worker runs all",
    )

    @property
    def key(self) -> bytes | None:
        """The key as bytes; None if deployments are not signed."""
        key = self.deployment_key
        return None if key is None else key.get_secret_value().encode()


class BucketSettings(EnvironmentSettings):
    """Buckets of the Compose stack."""

    code: str = Field(
        default="pygeoapi-flows",
        validation_alias="CODE_BUCKET",
        json_schema_extra={"read_by": "bootstrap"},
        description="bucket for flow code; created if it is missing",
    )
    results: str = Field(
        default="pygeoapi-results",
        validation_alias="RESULT_BUCKET",
        json_schema_extra={"read_by": "bootstrap"},
        description="bucket for outputs; created if it is missing",
    )


class ExpirySettings(EnvironmentSettings):
    """Expiry of outputs in the Compose stack; apart from the buckets, which a backup reads, too."""

    result_days: Count | None = Field(
        default=None,
        validation_alias="RESULT_DAYS",
        json_schema_extra={"read_by": "bootstrap"},
        description="days after which outputs expire",
    )
