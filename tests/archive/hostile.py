"""Every case of `tests/vectors/backup/cases.toml`, by its name: right archives, bent in one way each."""

from __future__ import annotations

from archive import hostile_headers, hostile_manifest, hostile_names, hostile_places, hostile_right  # noqa: F401
from archive.hostile_case import CASES as CASES
