"""Judging what a forge says: the rules of a branch, approvals, checks."""
