"""Builds the response from a job's outputs and the execute request; performs no I/O itself."""
