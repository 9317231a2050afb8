"""Exports: files looked at with suspicion, secrets taken out, packed with checksums."""
