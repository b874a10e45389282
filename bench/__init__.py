"""Benchmark of the stack beside its peers; see the README of this folder."""
