"""Cannot start: says why, and ends."""

import sys

print("Traceback: no such column: word.colour")
sys.exit(3)
