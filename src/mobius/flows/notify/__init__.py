"""Telling people: what is written in the outbox goes out, until it arrived, is dead, or was acknowledged."""
