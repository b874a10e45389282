"""Example processes; each is also a pattern to copy."""
