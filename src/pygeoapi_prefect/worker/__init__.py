"""A Prefect worker that starts jobs in milliseconds: claim, fork, run, cancel, reap."""
