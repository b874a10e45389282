"""The OpenAPI document: pygeoapi's own paths, and ours with the real schemas of each process."""
