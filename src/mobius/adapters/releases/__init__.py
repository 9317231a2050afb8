"""Where releases come from and where they lie."""
