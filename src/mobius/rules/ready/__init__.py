"""Judging whether a release is ready: each point from what was looked at, at one moment."""
