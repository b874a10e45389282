"""``create-storage-block`` and ``create-work-pool``: what deployments need in Prefect."""

import re

import click

from pygeoapi_prefect.cli.group import prefect_api, root

BLOCK_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
REMOTE_PATH = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+(/.*)?")


@root.command("create-storage-block")
@click.argument("block_name")
@click.argument("base_path")
@click.argument("endpoint_url", required=False)
@click.argument("key", required=False)
@click.argument("secret", required=False, envvar="STORAGE_SECRET")
def create_storage_block(
    block_name: str, base_path: str, endpoint_url: str | None, key: str | None, secret: str | None
) -> None:
    """Create or overwrite the block BLOCK_NAME, which gives access to a store.

    BASE_PATH is an address such as s3://bucket/folder, or an absolute path of this machine. Without
    KEY, processes find their credentials in their environment (AWS_ACCESS_KEY_ID ...), and none
    are stored in Prefect. Pass the SECRET as STORAGE_SECRET or at the prompt: every user of the
    machine can see an argument.
    """
    if not BLOCK_NAME.fullmatch(block_name):
        raise click.BadParameter(
            f"{block_name!r}: use only lower-case letters, digits and single dashes",
            param_hint="BLOCK_NAME",
        )
    if base_path.startswith("/"):
        if endpoint_url is not None:
            raise click.UsageError(
                "ENDPOINT_URL, KEY and SECRET cannot be used with a local BASE_PATH"
            )
        _save_local(block_name, base_path)
        return
    if not REMOTE_PATH.fullmatch(base_path) or base_path.startswith("file:"):
        raise click.BadParameter(
            f"{base_path!r} is neither an address such as s3://bucket/folder nor an absolute path",
            param_hint="BASE_PATH",
        )
    if key is not None and secret is None:
        secret = click.prompt("Secret", hide_input=True, err=True)
    _save_remote(block_name, base_path, storage_settings(endpoint_url, key, secret))


def storage_settings(
    endpoint_url: str | None, key: str | None, secret: str | None
) -> dict[str, object]:
    """The block's ``settings``; they contain no credentials unless a key was passed."""
    settings: dict[str, object] = {}
    if key:
        settings |= {"key": key, "secret": secret}
    if endpoint_url:
        settings["client_kwargs"] = {"endpoint_url": endpoint_url}
    return settings


def _save_local(name: str, base_path: str) -> None:
    from pygeoapi_prefect import storage

    click.echo(f"Creating block {storage.LOCAL}/{name}...")
    with prefect_api():
        storage.save_local_block(name, base_path)
    click.echo("Done!")


def _save_remote(name: str, base_path: str, settings: dict[str, object]) -> None:
    from pygeoapi_prefect import storage

    click.echo(f"Creating block {storage.REMOTE}/{name}...")
    with prefect_api():
        storage.save_remote_block(name, base_path, settings)
    click.echo("Done!")


@root.command("create-work-pool")
@click.option("--pool", default="pygeoapi", show_default=True, help="Name of the work pool.")
@click.option("--queue", default="pygeoapi", show_default=True, help="Name of its work queue.")
def create_work_pool(pool: str, queue: str) -> None:
    """Create the work pool (type process) and the work queue, unless they exist."""
    from pygeoapi_prefect.engine.pools import ensure_queue

    click.echo(f"Creating work pool {pool!r} with queue {queue!r}...")
    with prefect_api():
        created = ensure_queue(pool, queue)
    click.echo("Done!" if created else "Both exist already. Done!")
