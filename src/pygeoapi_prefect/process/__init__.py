"""Interface for authors of processes: the processor class, and helpers for its flow."""
