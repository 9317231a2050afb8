"""Measurements of the window: probes, real traffic, resources, gates, smoke tests."""
