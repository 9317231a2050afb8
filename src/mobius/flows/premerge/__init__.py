"""The validation before a merge: all its steps side by side, and one report."""
