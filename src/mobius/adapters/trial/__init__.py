"""Migrations tried on a copy of the real data, with observers at the keyholes."""
