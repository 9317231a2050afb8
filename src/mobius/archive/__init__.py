"""The backup format: write, verify, extract; knows nothing of services."""
