"""Collects the errors in a request's inputs; one response reports all of them, up to a limit."""

from collections.abc import Sequence

from pygeoapi_prefect.errors import InputError, InvalidJobParameterError, MissingJobParameterError
from pygeoapi_prefect.models.message import MAX_NAME, MAX_NAMES, clean, counted, named

MAX_TOLD = 20
"""Largest number of ``errors`` in a problem."""
MAX_COUNTED = 100
"""Number of errors after which the search ends."""
MAX_DETAIL = 400
MAX_POINTER = 200
MAX_SUMMED = 3
Path = tuple[str | int, ...]


class Faults:
    """Faults of the inputs of one request."""

    def __init__(self) -> None:
        self._errors: list[InputError] = []
        self._sentences: list[str] = []
        self._number = 0
        self._only_missing = True
        self._unknown = ""

    @property
    def are_there(self) -> bool:
        """True if an error was found."""
        return self._number > 0

    @property
    def are_enough(self) -> bool:
        """True if enough errors are known."""
        return self._number >= MAX_COUNTED

    def unknown(self, names: Sequence[str], known: str) -> None:
        """Note inputs that the process does not have.

        Args:
            names: Their names.
            known: Its inputs, as text.
        """
        if names:
            self._unknown = f"unknown {counted('input', names)} ({known})"
            self._only_missing = False
            self._number += len(names)
        for name in names[:MAX_NAMES]:
            self._tell(name, (), f"is unknown ({known})")

    def missing(self, name: str, detail: str) -> None:
        """Note that an input is missing."""
        self._number += 1
        self._tell(name, (), detail)
        self._sentences.append(f"input {named(name)} {detail}")

    def add(self, name: str, path: Path, detail: str) -> None:
        """Note a fault.

        Args:
            name: The input.
            path: Names and indices from its value to the invalid part.
            detail: The expected value, as a sentence without subject and full stop.
        """
        self._only_missing = False
        self._number += 1
        self._tell(name, path, detail)
        if len(self._sentences) < MAX_TOLD:
            at = f", at {clean(pointer(path), MAX_POINTER)}" if path else ""
            self._sentences.append(f"input {named(name)}{at}: {clean(detail, MAX_DETAIL)}")

    def _tell(self, name: str, path: Path, detail: str) -> None:
        if len(self._errors) < MAX_TOLD:
            place = clean(pointer(("inputs", name, *path)), MAX_POINTER)
            error = InputError(clean(name, MAX_NAME), place, clean(detail, MAX_DETAIL))
            self._errors.append(error)

    def refuse(self) -> None:
        """Raise an exception with all errors, if there are any.

        Raises:
            MissingJobParameterError: Inputs are missing, and nothing else is wrong.
            InvalidJobParameterError: An input is invalid.
        """
        if not self.are_there:
            return
        cls = MissingJobParameterError if self._only_missing else InvalidJobParameterError
        raise cls(self._summary(), tuple(self._errors))

    def _summary(self) -> str:
        told = [*([self._unknown] if self._unknown else []), *self._sentences][:MAX_SUMMED]
        if self._number == 1:
            return told[0]
        many = f"at least {self._number}" if self.are_enough else str(self._number)
        listed = ""
        if self._number > MAX_TOLD:
            listed = f", the first {len(self._errors)} listed in 'errors'"
        elif self._number > len(told):
            listed = ", all listed in 'errors'"
        numbered = "; ".join(f"({number}) {one}" for number, one in enumerate(told, 1))
        return f"{many} errors in the inputs{listed}: {numbered}"


def pointer(path: Path) -> str:
    """Return a JSON pointer (RFC 6901); long names are cut for messages."""
    return "".join(f"/{_token(part)}" for part in path)


def _token(part: str | int) -> str:
    text = clean(part, MAX_NAME) if isinstance(part, str) else str(part)
    return text.replace("~", "~0").replace("/", "~1")
