"""What a process is made of: the processor class, and helpers for its flow."""
