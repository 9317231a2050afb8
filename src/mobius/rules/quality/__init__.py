"""The quality gates: what was read of sound, pictures and performance, held against the figures of the guide."""
