"""Processes that only tests need: slow, greedy, failing and prolific ones."""
