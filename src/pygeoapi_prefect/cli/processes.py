"""``deploy-process`` and ``list``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pygeoapi_prefect.cli.group import (
    config_option,
    explain,
    explained_errors,
    prefect_api,
    read_registry,
    root,
)

if TYPE_CHECKING:
    from pygeoapi_prefect.process.registry import Process, Registry


@root.command("deploy-process")
@click.argument("process_id", required=False)
@click.option(
    "--all", "everything", is_flag=True, help="Deploy all processes that have a deployment."
)
@config_option
def deploy_process(process_id: str | None, everything: bool, config: Path) -> None:
    """Deploy PROCESS_ID: upload its code and create or update its Prefect deployment."""
    if everything == (process_id is not None):
        raise click.UsageError("Pass either a PROCESS_ID or --all")
    with explained_errors():
        registry = read_registry(config)
    if process_id is None:
        with prefect_api():
            deploy_all(registry)
    elif process_id in registry.unavailable:
        raise click.ClickException(registry.unavailable[process_id])
    elif process_id not in registry.ids():
        raise click.BadParameter(
            f"There is no process {process_id!r} in the configuration", param_hint="PROCESS_ID"
        )
    else:
        with prefect_api():
            deploy_one(registry.get(process_id))


def deploy_all(registry: "Registry") -> None:
    """Deploy each process that has a deployment; a failure does not stop the others."""
    from pygeoapi_prefect.errors import StackError

    failed = warn_of_unavailable(registry)
    for process_id in registry.ids():
        try:
            process = registry.get(process_id)
            if process.flow is not None and process.settings.prefect.deployment is None:
                click.echo(f"Process {process_id!r} has no processor.prefect.deployment: skipped")
                continue
            deploy_one(process)
        except StackError as error:
            failed.append(process_id)
            click.echo(f"Error: {explain(error)}", err=True)
    if failed:
        raise click.ClickException(f"Not deployed: {', '.join(failed)}")


def warn_of_unavailable(registry: "Registry") -> list[str]:
    """Print the processes that cannot be loaded, and the reasons; returns their identifiers."""
    for reason in registry.unavailable.values():
        click.echo(f"Error: {reason}", err=True)
    return list(registry.unavailable)


def deploy_one(process: "Process") -> None:
    """Deploy one process and print the result.

    Raises:
        StackError: It could not be deployed.
    """
    from pygeoapi_prefect.deploy.deployments import deploy

    if process.flow is None:
        click.echo(f"Process {process.id!r} runs in the web process, without a deployment: skipped")
        return
    click.echo(f"Deploying process {process.id!r} with prefect...")
    deployed = deploy(process)
    what = f"version {deployed.version}" + (f" in {deployed.path}" if deployed.path else "")
    state = "deployed" if deployed.changed else "unchanged"
    click.echo(f"Deployment {deployed.name!r} {state}: {what}")
    click.echo("Done!")


@root.command("list")
@config_option
def list_processes(config: Path) -> None:
    """List the configured processes and their deployments."""
    from pygeoapi_prefect.deploy.deployments import list_deployments

    with explained_errors():
        registry = read_registry(config)
    warn_of_unavailable(registry)
    with prefect_api():
        rows = list_deployments(registry)
    header = ("PROCESS", "DEPLOYMENT", "VERSION", "POOL/QUEUE", "CODE BLOCK", "RESULT BLOCK")
    cells = [
        (
            row.process_id,
            row.deployment or "-",
            row.version or ("not deployed" if row.deployment else "-"),
            row.queue or "-",
            row.storage_block or "-",
            row.result_storage or "-",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for line in [header, *cells]:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())
