"""The outside world behind the ports; each kind has a memory adapter beside the real ones."""
