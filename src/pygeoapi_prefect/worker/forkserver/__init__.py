"""Forks a process for each job from one that has the libraries imported; knows no Prefect."""
