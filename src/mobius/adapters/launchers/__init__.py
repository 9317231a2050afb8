"""What keeps a run's own runner going."""
