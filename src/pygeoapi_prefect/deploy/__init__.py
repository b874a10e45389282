"""From a configured process to a Prefect deployment."""
