"""A job's output and an S3 store that is away for a while: what is waited for, and what is told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

import pytest
from botocore.exceptions import EndpointConnectionError
from prefect.filesystems import RemoteFileSystem
from s3fs import S3FileSystem

from pygeoapi_prefect.errors import StorageUnavailable
from pygeoapi_prefect.process.outputs import write_output
from pygeoapi_prefect.storage import outages, patient_s3
from support import s3_server

OK, AWAY, DENIED, BROKEN = 200, 503, 403, 500
CUT = 0
"""The connection ends without an answer, as that of a server that is killed."""
CODES = {AWAY: "ServiceUnavailable", DENIED: "AccessDenied", BROKEN: "InternalError"}
ONE_CALL = 2
"""Requests that the S3 client makes of a failing one itself, at least."""
type Answers = Callable[[int], int]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_s3, "PAUSE_SECONDS", 0.01)


class Bucket(ThreadingHTTPServer):
    """An S3 server that answers the requests to write as it is told, by their number."""

    def __init__(self, answers: Answers, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answers = answers
        self.asked = 0
        self.stored = b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        bucket = self.server
        assert isinstance(bucket, Bucket)
        content = self._content()
        self.close_connection = True
        status = bucket.answers(bucket.asked)
        bucket.asked += 1
        if status == CUT:
            return
        if status == OK:
            bucket.stored = content
        code = CODES.get(status, "")
        body = f"<Error><Code>{code}</Code><Message>told</Message></Error>" if code else ""
        self.send_response(status)
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def _content(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        content = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers: a checksum
            pass
        return content

    @override
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(answers: Answers, port: int = 0) -> Iterator[Bucket]:
    server = Bucket(answers, port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def bucket(answers: Answers) -> Iterator[tuple[Bucket, RemoteFileSystem]]:
    with serving(answers) as server:
        settings = s3_server.settings(f"http://127.0.0.1:{server.server_port}")
        yield server, RemoteFileSystem(basepath="s3://bucket", settings=settings)


@pytest.mark.parametrize("fault", [AWAY, BROKEN, CUT])
def test_an_output_waits_for_a_store_that_is_away(fault: int) -> None:
    with bucket(lambda number: fault if number < 5 * ONE_CALL else OK) as (server, storage):
        write_output(storage, "job", "out", b"the output", "text/plain")
        assert server.stored == b"the output"


def test_a_store_that_comes_back_and_denies_access_at_first_is_still_away() -> None:
    def answers(number: int) -> int:
        return AWAY if number < 3 * ONE_CALL else DENIED if number < 5 * ONE_CALL else OK

    with bucket(answers) as (server, storage):
        write_output(storage, "job", "out", b"the output", "text/plain")
        assert server.stored == b"the output"


def test_rejected_credentials_are_reported_at_once() -> None:
    with bucket(lambda _: DENIED) as (server, storage):
        with pytest.raises(StorageUnavailable, match="denies access"):
            write_output(storage, "job", "out", b"the output", "text/plain")
        assert server.asked <= ONE_CALL


@pytest.mark.parametrize("then", [AWAY, DENIED])
def test_in_the_end_the_outage_is_reported(monkeypatch: pytest.MonkeyPatch, then: int) -> None:
    monkeypatch.setattr(patient_s3, "PATIENCE_SECONDS", 1.0)
    with bucket(lambda number: AWAY if number < ONE_CALL else then) as (_, storage):
        with pytest.raises(StorageUnavailable) as raised:
            write_output(storage, "job", "out", b"the output", "text/plain")
        assert str(raised.value) == "the store remote-file-system/unsaved cannot be reached or used"


PART = 5 * 2**20


def parts_file(monkeypatch: pytest.MonkeyPatch, lost: Callable[[S3FileSystem, str], None]) -> Any:
    """A file system, the address of a file, and a store that loses its first answer to the end."""
    call = S3FileSystem._call_s3
    losses: list[str] = []

    async def losing(self: Any, method: str, *arguments: Any, **named: Any) -> Any:
        answer = await call(self, method, *arguments, **named)
        if method == patient_s3.COMPLETION and not losses:
            losses.append(method)
            lost(s3_server.files(), f"{named['Bucket']}/{named['Key']}")
            raise EndpointConnectionError(endpoint_url="the store")
        return answer

    monkeypatch.setattr(S3FileSystem, "_call_s3", losing)
    return patient_s3.PatientS3FileSystem(
        **s3_server.settings(s3_server.endpoint()), skip_instance_cache=True
    )


def test_an_upload_in_parts_whose_last_answer_is_lost_is_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = s3_server.make_bucket("lost-answer") + "/output"
    files = parts_file(monkeypatch, lambda *_: None)
    content = bytes(2 * PART + 1)
    files.pipe_file(address, content, chunksize=PART)
    assert s3_server.files().cat_file(address) == content


def test_an_upload_in_parts_of_which_there_is_nothing_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = s3_server.make_bucket("lost-upload") + "/output"
    files = parts_file(monkeypatch, lambda store, path: store.rm_file(path))
    with pytest.raises(FileNotFoundError):
        files.pipe_file(address, bytes(2 * PART), chunksize=PART)


def test_an_upload_in_parts_is_not_taken_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    address = s3_server.make_bucket("lost-other") + "/output"
    other = bytes(PART) + b"other"
    files = parts_file(
        monkeypatch, lambda store, path: store.pipe_file(path, other, chunksize=PART)
    )
    with pytest.raises(FileNotFoundError):
        files.pipe_file(address, bytes(2 * PART), chunksize=PART)


def test_a_store_that_nobody_listens_for_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    port = s3_server.free_port()
    storage = RemoteFileSystem(
        basepath="s3://bucket", settings=s3_server.settings(f"http://127.0.0.1:{port}")
    )
    with ExitStack() as exits:
        servers: list[Bucket] = []

        def is_outage(error: BaseException | None) -> bool:
            if not servers:
                servers.append(exits.enter_context(serving(lambda _: OK, port)))
            return outages.is_outage(error)

        monkeypatch.setattr("pygeoapi_prefect.storage.patient_s3.is_outage", is_outage)
        write_output(storage, "job", "out", b"the output", "text/plain")
        assert [server.stored for server in servers] == [b"the output"]
