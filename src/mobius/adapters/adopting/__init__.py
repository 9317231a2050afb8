"""Looking at a running service and its proxy, and keeping what is needed to give them back."""
