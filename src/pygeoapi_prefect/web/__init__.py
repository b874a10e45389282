"""HTTP: the views of all OGC API - Processes resources."""
