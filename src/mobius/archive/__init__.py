"""The backup format: write, verify, extract and put in place; knows nothing of services."""

from __future__ import annotations

from mobius.archive.durable import require_free_disk
from mobius.archive.extract import Extracted, extract_archive
from mobius.archive.manifest import Source
from mobius.archive.publish import publish_alias, sidecar_of, sweep
from mobius.archive.swap import Swapped, SwapState, observe_swap, swap_in
from mobius.archive.tree import Estimate, Skipped, estimate
from mobius.archive.verify import opened_verified, read_metadata, verify_archive
from mobius.archive.write import Written, write_archive
from mobius.archive.zip_in_examine import Opened
from mobius.archive.zip_in_lines import Entry, Manifest

__all__ = [
    "Entry",
    "Estimate",
    "Extracted",
    "Manifest",
    "Opened",
    "Skipped",
    "Source",
    "SwapState",
    "Swapped",
    "Written",
    "estimate",
    "extract_archive",
    "observe_swap",
    "opened_verified",
    "publish_alias",
    "read_metadata",
    "require_free_disk",
    "sidecar_of",
    "swap_in",
    "sweep",
    "verify_archive",
    "write_archive",
]
