"""From the bytes and headers of an execute request to a validated request; no I/O."""
