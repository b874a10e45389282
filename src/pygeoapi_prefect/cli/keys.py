"""``key create``, ``list``, ``revoke`` and ``rotate``: the API keys of clients.

They read only ``server.manager.access.keys`` of the configuration.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pygeoapi_prefect.cli.group import config_option, explained_errors, root

if TYPE_CHECKING:
    from pygeoapi_prefect.access.keys import Key

ROLES = ("read", "execute", "admin")
SETTING = "server.manager.access.keys"
DAYS = click.IntRange(1, 36_500)


@root.group("key")
def key() -> None:
    """Create, list, revoke and rotate API keys."""


expires_option = click.option(
    "--expires", "days", type=DAYS, metavar="DAYS", help="Days until the key expires."
)


@key.command("create")
@click.argument("label")
@click.option("--role", type=click.Choice(ROLES), required=True, help="Role of its holder.")
@expires_option
@config_option
def create(label: str, role: str, days: int | None, config: Path) -> None:
    """Create a key for LABEL and print it.

    It is shown only now: the file holds a hash. LABEL names the holder, to whom the jobs belong.
    """
    from pydantic import ValidationError

    from pygeoapi_prefect.access import key_file, keys
    from pygeoapi_prefect.access.principal import Role

    try:
        text, made = keys.generate(label, [Role.named(role)], keys.now(), days)
    except ValidationError:
        raise click.BadParameter(
            f"{label!r}: use at most 64 letters, digits and . _ @ + -, a letter or digit first",
            param_hint="LABEL",
        ) from None
    with explained_errors(), key_file.changing(path_of(config)) as known:
        if any(one.label == label for one in known):
            raise click.ClickException(f"there is a key for {label!r} already: rotate or revoke it")
        known.append(made)
    _audit("key-create", made)
    click.echo(text)


@key.command("list")
@config_option
def list_keys(config: Path) -> None:
    """List the keys: label, beginning of the key, roles, creation, expiry."""
    from pygeoapi_prefect.access import key_file
    from pygeoapi_prefect.access.keys import now

    with explained_errors():
        known = key_file.read(path_of(config)).keys
    for one in known:
        end = f"{one.expires:%Y-%m-%dT%H:%MZ}" if one.expires else "never"
        told = " (expired)" if one.is_expired(now()) else ""
        roles = ",".join(one.roles)
        click.echo(f"{one.label}\t{one.prefix}\t{roles}\t{one.created:%Y-%m-%d}\t{end}{told}")


@key.command("revoke")
@click.argument("label")
@config_option
def revoke(label: str, config: Path) -> None:
    """Remove the key of LABEL; running web processes reject it within 2 seconds."""
    from pygeoapi_prefect.access import key_file

    with explained_errors(), key_file.changing(path_of(config)) as known:
        old = _of(label, known)
        known.remove(old)
    _audit("key-revoke", old)
    click.echo(f"The key of {label} is revoked.", err=True)


@key.command("rotate")
@click.argument("label")
@expires_option
@config_option
def rotate(label: str, days: int | None, config: Path) -> None:
    """Replace the key of LABEL by another one with the same roles and jobs, and print it.

    Without --expires the new key is valid for as many days as the old one was.
    """
    from pygeoapi_prefect.access import key_file, keys
    from pygeoapi_prefect.access.principal import Role

    with explained_errors(), key_file.changing(path_of(config)) as known:
        old = _of(label, known)
        if days is None and old.expires is not None:
            days = max(1, (old.expires - old.created).days)
        text, made = keys.generate(label, map(Role.named, old.roles), keys.now(), days)
        known[known.index(old)] = made
    _audit("key-rotate", made)
    click.echo(text)


def _audit(action: str, key: "Key") -> None:
    """Write a line of the audit log to standard error; a command has no other log."""
    from pygeoapi_prefect.access import audit

    by = f"os:{os.getuid()}"
    line = audit.line(action, "ok", principal=by, label=key.label, key=key.prefix)
    click.echo(f"audit {line}", err=True)


def path_of(config: Path) -> Path:
    """The file of the keys; no other part of the configuration is looked at.

    Raises:
        ConfigurationError: The configuration names none.
    """
    from pygeoapi_prefect.config import load_config
    from pygeoapi_prefect.errors import ConfigurationError

    found: Any = load_config(config)
    for name in SETTING.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not Path(found).is_absolute():
        raise ConfigurationError(f"{config}: {SETTING} must be an absolute path")
    return Path(found)


def _of(label: str, known: "list[Key]") -> "Key":
    for one in known:
        if one.label == label:
            return one
    raise click.ClickException(f"there is no key for {label!r}")
