"""Evidence of runs: envelopes, keys, and the folder they lie in."""
