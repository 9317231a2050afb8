"""Verbs about the forge: check and apply a protection, count approvals, keep a comment."""
