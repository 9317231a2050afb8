"""Places off this machine for copies of backups."""
