"""The supervisor and the front door: programs of their own that know nothing of plans."""
