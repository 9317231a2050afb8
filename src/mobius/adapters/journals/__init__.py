"""Where everything that happens is written down: on SQLite, or in memory."""
