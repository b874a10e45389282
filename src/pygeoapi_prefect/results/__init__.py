"""From a job's outputs and what was asked for to the reply; no I/O of its own."""
