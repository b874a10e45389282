"""Profiles: the amount of work that is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Sizes of the measurements of one system in one repeat.

    Attributes:
        sync: Synchronous executions, one after the other.
        submit: Jobs of which POST, end and results are measured, one after the other.
        burst: Jobs of the burst; more than run at once, or its steady rate is unknown.
        dismiss: Running jobs that are dismissed.
    """

    sync: int
    submit: int
    burst: int
    dismiss: int


@dataclass(frozen=True)
class Profile:
    """Everything that decides how long a run takes.

    Attributes:
        name: What the results are filed under.
        repeats: Rounds over all systems; the results are medians over them.
        fast: Counts of systems that end a job in well under a second.
        slow: Counts of systems that need seconds for one.
        clients: Threads that submit a burst.
        vanilla: Synchronous executions of a process without a deployment.
        rows: Stored jobs with which the job list is measured.
        pages: Requests of the job list for each number of rows.
        stored: Jobs in TinyDB's store for the second measurement of it.
    """

    name: str
    repeats: int
    fast: Counts
    slow: Counts
    clients: int
    vanilla: int
    rows: tuple[int, ...]
    pages: int
    stored: int


FULL = Profile(
    name="full",
    repeats=3,
    fast=Counts(sync=50, submit=50, burst=200, dismiss=10),
    slow=Counts(sync=3, submit=6, burst=16, dismiss=3),
    clients=8,
    vanilla=100,
    rows=(100, 10_000, 100_000),
    pages=100,
    stored=2_000,
)
QUICK = Profile(
    name="quick",
    repeats=1,
    fast=Counts(sync=10, submit=10, burst=24, dismiss=3),
    slow=Counts(sync=1, submit=2, burst=8, dismiss=1),
    clients=4,
    vanilla=20,
    rows=(100, 10_000),
    pages=20,
    stored=2_000,
)
SMOKE = Profile(
    name="smoke",
    repeats=1,
    fast=Counts(sync=2, submit=2, burst=4, dismiss=1),
    slow=Counts(sync=1, submit=1, burst=2, dismiss=1),
    clients=2,
    vanilla=3,
    rows=(100, 1_000),
    pages=5,
    stored=200,
)
PROFILES = {profile.name: profile for profile in (FULL, QUICK, SMOKE)}
