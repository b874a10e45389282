"""The file of the keys: changed by commands, read again by web processes when it has changed."""

import fcntl
import logging
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from pygeoapi_prefect.access.keys import Key, KeyList, Keys
from pygeoapi_prefect.errors import ConfigurationError

LOGGER = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
"""Shortest time between two looks at the file."""
MODE = 0o600
MAX_BYTES = 16 * 1024 * 1024
Version = tuple[int, int, int]
"""Inode, time of change (``ctime``) and size: another content or mode has another version."""
NONE_YET: Version = (0, 0, 0)
"""The version of no file."""


def read(path: Path) -> KeyList:
    """Read the keys.

    Raises:
        ConfigurationError: The file is missing, cannot be read or has another content; says why.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES)
    except OSError as error:
        raise ConfigurationError(f"the key file {path} cannot be read: {error.strerror}") from error
    try:
        return KeyList.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        told = f"{where}: {first['msg']}" if where else first["msg"]
        raise ConfigurationError(f"the key file {path} is invalid: {told}") from error


@contextmanager
def changing(path: Path) -> Iterator[list[Key]]:
    """Change the keys: a list is given, and written when the block ends without an exception.

    Other commands wait meanwhile. The new file replaces the old one at once, so that a reader sees
    either of them, complete. A file that does not exist is made.

    Raises:
        ConfigurationError: The file or its folder cannot be read or written.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        exists = path.exists()
        keys = list(read(path).keys) if exists else []
        yield keys
        text = KeyList(keys=tuple(keys)).model_dump_json(indent=2, exclude_none=True)
        _replace(path, text.encode() + b"\n")
        os.fsync(folder)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        os.close(folder)


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside another one, with the same owner and group, and put it in its place.

    Where its group may read it, it may still.
    """
    target = path.resolve()  # a link stays one
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, MODE)
            if target.exists():
                before, own = target.stat(), os.fstat(descriptor)
                if (before.st_uid, before.st_gid) != (own.st_uid, own.st_gid):
                    os.fchown(descriptor, before.st_uid, before.st_gid)
                os.fchmod(descriptor, MODE | before.st_mode & stat.S_IRGRP)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _cannot_write(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"the key file {path} cannot be written: {error.strerror}")


class KeyFile:
    """The keys of a file, as it is now. One instance serves all threads of a process.

    The file is looked at no more than once a second. While it cannot be read, the keys are those
    of the last time.

    Args:
        path: The file.
        clock: Gives the time, in seconds.

    Raises:
        ConfigurationError: It cannot be read now.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._version = _version(path)
        self._failed: Version | None = NONE_YET
        self._keys = Keys(read(path).keys)
        self._due = clock() + LOOK_SECONDS

    def keys(self) -> Keys:
        """The keys."""
        if self._clock() >= self._due and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._due = self._clock() + LOOK_SECONDS
                self._lock.release()
        return self._keys

    def _look(self) -> None:
        version = _version(self._path)
        if version == self._version:
            return
        try:
            self._keys = Keys(read(self._path).keys)
        except ConfigurationError as error:  # it is tried again: the fault may pass
            if version != self._failed:
                LOGGER.error("%s; the keys that were read before stay valid", error)
            self._failed = version
        else:
            self._version, self._failed = version, NONE_YET
            LOGGER.info("the key file %s has changed and was read again", self._path)


def _version(path: Path) -> Version | None:
    """The version of a file; None if there is none, or its folder cannot be read."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns, found.st_size
