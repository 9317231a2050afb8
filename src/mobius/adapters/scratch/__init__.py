"""A whole deployment in a place of its own: nothing that serves is touched by it."""
