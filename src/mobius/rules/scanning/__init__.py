"""What scanners print, read with distrust, and judged: found, none, or not known."""
