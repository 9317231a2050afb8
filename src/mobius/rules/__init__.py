"""Judgement: facts and a policy in, findings or a verdict out; no clock, no network."""
