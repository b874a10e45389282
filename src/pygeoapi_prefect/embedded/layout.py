"""Folders and addresses of one embedded stack."""

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

POOL = "pygeoapi"
QUEUE = "pygeoapi"
RESULT_BLOCK = "pygeoapi-results"
CODE_BLOCK = "pygeoapi-flows"
PARTLY = 4
"""Exit status of the bootstrap where all is done but processes that cannot be deployed."""

# sun_path holds 108 bytes on Linux and 104 on macOS, the final zero included.
SOCKET_PATH_LIMIT = 103
SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Layout:
    """The choices of ``start``, and every path and address that follows from them.

    Attributes:
        state: Folder of all data, logs and records; two stacks never share one.
        port: TCP port of pygeoapi on 127.0.0.1.
        prefect_port: TCP port of Prefect's API and UI on 127.0.0.1.
        config: pygeoapi's configuration file.
        flows: Folders that the web process and the deployment import processes from.
        public_url: Root of all links in pygeoapi's answers; None means this machine's own.
        auth_string: Secret of Prefect's API, ``user:password``; see ``credentials.prepared``.
        deployment_key: Key with which deployments are signed.
    """

    state: Path
    port: int = 5000
    prefect_port: int = 4200
    config: Path = Path("pygeoapi-config.yml")
    flows: tuple[Path, ...] = (Path("flows"),)
    public_url: str | None = None
    auth_string: str = field(default="", repr=False)
    deployment_key: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Address of pygeoapi, as printed and as used in links."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def local_url(self) -> str:
        """Address at which the stack itself reaches pygeoapi."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def prefect_url(self) -> str:
        """Address of the Prefect UI."""
        return f"http://127.0.0.1:{self.prefect_port}"

    @property
    def prefect_api_url(self) -> str:
        """Address of Prefect's API."""
        return f"{self.prefect_url}/api"

    @property
    def prefect_origins(self) -> list[str]:
        """Origins of the pages that may use Prefect's API: those of its own UI."""
        return [f"http://{host}:{self.prefect_port}" for host in ("127.0.0.1", "localhost")]

    @property
    def logs(self) -> Path:
        """One log file per process; what was written before (16 MiB, or a start) is in ``.1``."""
        return self.state / "logs"

    @property
    def database(self) -> Path:
        """Data directory of PostgreSQL."""
        return self.state / "postgres"

    @property
    def prefect_home(self) -> Path:
        """Prefect's own files, instead of ``~/.prefect``."""
        return self.state / "prefect"

    @property
    def results(self) -> Path:
        """Base path of the block that outputs are written to."""
        return self.state / "results"

    @property
    def code(self) -> Path:
        """Base path of the block that flow code is uploaded to."""
        return self.state / "flows"

    @property
    def scratch(self) -> Path:
        """Working and temporary directory of the worker and its jobs; emptied at every start."""
        return self.state / "scratch"

    @property
    def socket_dir(self) -> Path:
        """Directory of PostgreSQL's socket: below ``state`` if the path is short enough."""
        near = self.state / "socket"
        if len(str(near / SOCKET_NAME).encode()) <= SOCKET_PATH_LIMIT:
            return near
        name = hashlib.sha256(str(self.state).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"pygeoapi-prefect-{name}"

    def make_folders(self) -> None:
        """Create the folders that exist before the first process starts."""
        for folder in (self.logs, self.prefect_home, self.results, self.code, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
