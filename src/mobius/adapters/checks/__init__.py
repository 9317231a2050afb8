"""The looking: health, smoke tests and gate commands, each answered within its time."""
