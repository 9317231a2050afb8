"""What a proxy's configuration must have, so that traffic can be moved without a reload."""
