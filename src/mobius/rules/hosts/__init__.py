"""Many hosts that serve the same release: which of them is bad by itself, and whether the release is without it."""
