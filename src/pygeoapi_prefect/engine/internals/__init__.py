"""The names of Prefect that are private, undocumented or replaced, each in one place.

Prefect may change any of them in any release. A test in ``tests/contracts`` fails for each one that
has changed; ``docs/internals.md`` lists them. Other packages import only documented modules of
Prefect, which ruff checks (``banned-api`` in ``pyproject.toml``).
"""
