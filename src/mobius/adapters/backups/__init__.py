"""Archives of code, configuration and data."""
