"""The log of a run: what its code logs and prints, sent to Prefect whole, in order and bounded."""
