"""Errors of the embedded stack; their text is for the person at the terminal."""


class EmbeddedError(Exception):
    """The stack cannot start or has stopped; ``str(error)`` says why and what to do."""


class ChildDied(EmbeddedError):
    """A process of the stack ended although it should run on; the text ends with its log."""


class NotReady(EmbeddedError):
    """A process of the stack did not become ready in time; the text ends with its log."""
