"""What several tests need: polling with a deadline, and the running stack."""
