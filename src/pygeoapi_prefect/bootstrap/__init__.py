"""Prepares the Compose stack before its services start: buckets, blocks, deployments."""
