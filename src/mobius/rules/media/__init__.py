"""Judgement on sound and pictures: a film against its golden reference."""
