"""Golden references of films: recorded, compared, approved."""
