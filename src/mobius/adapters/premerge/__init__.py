"""The steps of a validation as processes, and its report as files."""
