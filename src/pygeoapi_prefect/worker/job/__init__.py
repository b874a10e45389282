"""Runs in the process of one job."""
