"""Who may act on an environment, on this machine."""
