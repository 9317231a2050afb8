"""Who receives requests."""
