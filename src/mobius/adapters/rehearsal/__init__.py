"""Starting a backed-up release on its restored copy, cut off from everything that is live."""
