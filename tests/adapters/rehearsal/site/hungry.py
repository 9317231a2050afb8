"""Wants more memory than there is for it."""

kept = [bytearray(64 << 20) for _ in range(64)]
