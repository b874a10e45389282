"""What the Compose stack needs before its services start: buckets, blocks, deployments."""
