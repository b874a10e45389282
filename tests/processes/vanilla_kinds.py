"""Unmodified pygeoapi processes of every kind: what they take, return and raise."""

import asyncio
import logging
import struct
import time
import zlib
from collections.abc import Iterable
from typing import Any

from pygeoapi.process.base import (
    BaseProcessor,
    JobError,
    JobNotFoundError,
    JobResultNotFoundError,
    ProcessError,
    ProcessorExecuteError,
    ProcessorGenericError,
    UnknownProcessError,
)

ANYTHING: dict[str, Any] = {"result": {}}
SEVERAL: dict[str, Any] = {
    "job": {"type": "string"},
    "wanted": {"type": "array", "items": {"type": "string"}},
}
PICTURE = {
    "picture": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}
}
VALUES: dict[str, tuple[str | None, Any]] = {
    "text": ("text/plain", "Hello"),
    "bytes": ("image/png", b"\x89PNG\r\n"),
    "object": ("application/json", {"a": "<b>"}),
    "list": ("application/json", [1, "two"]),
    "number": ("application/json", 3.5),
    "none": ("application/json", None),
    "untyped": (None, "Hello"),
}


class Unprocessable(ProcessorExecuteError):  # type: ignore[misc]
    """An error with a status and code of its own."""

    http_status_code = 422
    ogc_exception_code = "UnreadableInput"


ERRORS: dict[str, BaseException] = {
    "execute": ProcessorExecuteError("only for the log", user_msg="cannot be executed"),
    "own": Unprocessable("only for the log", user_msg="cannot be read"),
    "generic": ProcessorGenericError("a generic fault"),
    "job": JobError("secret of the job"),
    "no-job": JobNotFoundError("secret of the job"),
    "no-result": JobResultNotFoundError("secret of the job"),
    "process": ProcessError("secret of the process"),
    "no-process": UnknownProcessError("secret of the process"),
    "unexpected": ValueError("secret of the server"),
    "exit": SystemExit(3),
}


def metadata(outputs: dict[str, Any], kinds: Iterable[str] = ()) -> dict[str, Any]:
    kind = {"type": "string", "enum": [*kinds]} if kinds else {"type": "string"}
    inputs = {"kind": kind, "name": {"type": "string"}, "seconds": {"type": "number"}}
    return {
        "version": "1.0.0",
        "title": {"en": "A kind of process", "fr": "Une sorte de processus"},
        "description": "For tests",
        "jobControlOptions": ["sync-execute", "async-execute"],
        "keywords": [],
        "links": [],
        "inputs": {name: {"schema": schema, "minOccurs": 0} for name, schema in inputs.items()},
        "outputs": {name: {"schema": schema} for name, schema in outputs.items()},
    }


class ValueProcessor(BaseProcessor):  # type: ignore[misc]
    """Returns one value of the kind that is asked for."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, metadata(ANYTHING, VALUES))

    def execute(self, data: dict[str, Any]) -> tuple[str | None, Any]:
        kind = data.get("kind", "text")
        return VALUES[kind["value"] if isinstance(kind, dict) else kind]  # maybe a qualified value


class SeveralProcessor(BaseProcessor):  # type: ignore[misc]
    """Takes the requested outputs and its job id; returns several outputs."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, metadata(SEVERAL))
        self.supports_outputs = True
        self.job_id = ""

    def set_job_id(self, job_id: str) -> None:
        self.job_id = job_id

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, Any]:
        return "application/json", {"job": self.job_id, "wanted": sorted(outputs or {})}


class NameProcessor(BaseProcessor):  # type: ignore[misc]
    """Keeps its input on itself for a while, as careless processes do."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, metadata(ANYTHING))
        self.resource = str(processor_def.get("resource"))
        self.seen = ""

    def execute(self, data: dict[str, Any]) -> tuple[str, Any]:
        self.seen = data["name"]
        time.sleep(float(data.get("seconds", 0)))
        return "application/json", {"resource": self.resource, "name": self.seen}


class RaisingProcessor(BaseProcessor):  # type: ignore[misc]
    """Raises the error that is asked for."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, metadata(ANYTHING, ERRORS))

    def execute(self, data: dict[str, Any]) -> tuple[str, Any]:
        raise ERRORS[data["kind"]]


class PictureProcessor(BaseProcessor):  # type: ignore[misc]
    """Gives a small picture."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, metadata(PICTURE))

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, bytes]:
        return "image/png", png(64, 48)


def png(width: int, height: int) -> bytes:
    """A grey gradient as PNG (ISO/IEC 15948)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + end

    row = b"\0" + bytes(255 * x // width for x in range(width))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(row * height))
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")


class CoroutineProcessor(BaseProcessor):  # type: ignore[misc]
    """Waits for something else, as a client of other services does."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, metadata(ANYTHING, VALUES))

    async def execute(self, data: dict[str, Any]) -> tuple[str | None, Any]:
        await asyncio.sleep(0.01)
        return VALUES[data.get("kind", "text")]


class TalkingProcessor(BaseProcessor):  # type: ignore[misc]
    """Logs and prints a word again and again, beside others that do so."""

    def __init__(self, definition: dict[str, Any]) -> None:
        super().__init__(definition, metadata(ANYTHING))

    def execute(self, data: dict[str, Any]) -> tuple[str, str]:
        word = str(data.get("kind", "nothing"))
        for number in range(50):
            logging.getLogger("someones.processor").info("logged %s %d", word, number)
            print("printed", word, number)  # noqa: T201
            time.sleep(0.002)
        logging.getLogger("someones.processor").debug("not told")
        logging.getLogger("httpx").info("machinery")
        if word == "raise":
            raise ValueError("no such zone")
        return "text/plain", word
