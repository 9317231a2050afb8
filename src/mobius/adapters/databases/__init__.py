"""Databases: capturing and checking them, and changing their shape."""
