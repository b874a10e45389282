"""A process that runs until it is stopped, for the benchmark of dismiss."""
