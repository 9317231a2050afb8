"""Telling people, judged: what a message is about, where it goes, when, with which others, and what an answer means."""
