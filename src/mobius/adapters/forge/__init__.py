"""The forge: GitHub over its REST API, and one in memory."""
