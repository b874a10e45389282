"""The Prefer header as the list header that it is, and the table of execution modes."""

import pytest

from pygeoapi_prefect.execution.prefer import (
    MAX_LENGTH,
    MAX_WAIT,
    Mode,
    Preferences,
    negotiate,
    parse,
)

SYNC, ASYNC = "sync-execute", "async-execute"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Preferences()),
        ([""], Preferences()),
        (["respond-async"], Preferences(True)),
        (["Respond-Async"], Preferences(True)),
        (["wait=5"], Preferences(False, 5)),
        (['wait="5"'], Preferences(False, 5)),
        (["respond-async, wait=5"], Preferences(True, 5)),
        (["respond-async,wait = 5"], Preferences(True, 5)),
        (["respond-async", "wait=5"], Preferences(True, 5)),
        (["wait=5, wait=9"], Preferences(False, 5)),
        (["respond-async;q=1"], Preferences(True)),
        (["respond-sync"], Preferences()),
        (["handling=lenient, respond-async; foo=bar"], Preferences(True)),
        (['foo="respond-async, wait=3"'], Preferences()),
        (['foo="a\\"b", respond-async'], Preferences(True)),
        (["wait"], Preferences()),
        (["wait=soon"], Preferences()),
        (["wait=-1"], Preferences()),
        (["wait=\u0663"], Preferences()),
        (["wait=999999999"], Preferences(False, MAX_WAIT)),
        ([",,;=,"], Preferences()),
        (['"' + '\\"' * 4000, "respond-async"], Preferences(True)),  # no time is spent on it
        (["respond-async" + " " * MAX_LENGTH], Preferences()),
    ],
)
def test_parse(headers: list[str], expected: Preferences) -> None:
    assert parse(headers) == expected


@pytest.mark.parametrize(
    ("preferences", "options", "expected"),
    [
        (Preferences(), [SYNC], Mode(False)),
        (Preferences(), [ASYNC], Mode(True)),
        (Preferences(), [SYNC, ASYNC], Mode(False)),
        (Preferences(), [], Mode(False)),
        (Preferences(True), [SYNC], Mode(False, applied="wait")),
        (Preferences(True), [ASYNC], Mode(True, applied="respond-async")),
        (Preferences(True), [SYNC, ASYNC], Mode(True, applied="respond-async")),
        (Preferences(False, 5), [SYNC], Mode(False, 5, "wait=5")),
        (Preferences(False, 5), [SYNC, ASYNC], Mode(False, 5, "wait=5")),
        (Preferences(False, 5), [ASYNC], Mode(True)),
        (Preferences(True, 5), [SYNC, ASYNC], Mode(True, 5, "respond-async")),
        (Preferences(True, 5), [ASYNC], Mode(True, applied="respond-async")),
    ],
)
def test_negotiate(preferences: Preferences, options: list[str], expected: Mode) -> None:
    assert negotiate(preferences, options) == expected


def test_dismiss_is_no_mode() -> None:
    assert negotiate(Preferences(True), ["sync-execute", "dismiss"]) == Mode(False, applied="wait")
