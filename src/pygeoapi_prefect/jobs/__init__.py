"""The use cases: submit, wait, get, list, dismiss, results."""
