"""The words for a rehearsal: what was proven, in how long, on how old data, and what was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.model.release import BackupRecord
from mobius.report.words import ago, counted, duration


def rehearsal_words(facts: Mapping[str, Any]) -> str:
    """ "restored in 2.0 s and checked; its release booted on it in 1.2 s, 3 smoke tests passed; back in 3.2 s (RTO),
    data 41 s old (RPO)" """
    parts = [f"restored in {duration(float(facts.get('restore_s') or 0))} and checked"]
    smoke = [test for test in facts.get("smoke") or () if test.get("outcome") == "PASS"]
    if facts.get("failed"):
        parts.append(f"its release does NOT run on it: {facts['failed']}")
    elif facts.get("booted"):
        tests = f", {counted(len(smoke), 'smoke test')} passed" if smoke else ""
        parts.append(f"its release booted on it in {duration(float(facts.get('boot_s') or 0))}{tests}")
    elif facts.get("asked_to_boot"):
        parts.append(f"NOT PROVEN that its release runs on it: {facts.get('not_proven')}")
    if facts.get("not_tried"):
        parts.append(f"NOT PROVEN, the migrations could not be tried: {facts['not_tried']}")
    if left_out := facts.get("left_out"):
        parts.append(f"left out, for they need the network: {', '.join(left_out)}")
    if facts.get("rto_s"):
        parts.append(f"back in {duration(float(facts['rto_s']))} (RTO)")
    if facts.get("rpo_s") is not None:
        parts.append(f"data {duration(float(facts['rpo_s']))} old (RPO)")
    return "; ".join(parts)


def reused_words(backup: BackupRecord, now: float) -> str:
    """Why it was not done again."""
    proven = f"restored in {duration(backup.restore_s)}" + (" and booted" if backup.booted else "")
    return (
        f"{backup.name} was rehearsed {ago(backup.rehearsed_at, now)}, {proven}:"
        " that counts (rehearsal.reuse_within)"
    )


def failed_boot(backup: BackupRecord, facts: Mapping[str, Any]) -> tuple[str, str]:
    """The message and the next step, when a release does not run on its own restored backup."""
    message = f"{backup.release_id} does not run on its own restored backup {backup.name}: {facts['failed']}"
    unseen = facts.get("unseen") or ()
    missing = f"it found {', '.join(unseen)} empty, which backup.paths does not hold; " if unseen else ""
    hint = (
        f"{missing}mend what its log says, for going back with the data would end there;"
        " what it needs besides its data (another host, a cache) a rehearsal does not have:"
        " then set rehearsal.boot = false"
    )
    return message, hint


def slow_words(way: str, takes_s: float, target_s: float, setting: str) -> tuple[str, str]:
    """The message and the next step, when the way back takes longer than `setting` lets it."""
    message = (
        f"the way back, {way}, would take {duration(takes_s)} by what was measured,"
        f" and {setting} is {duration(target_s)}"
    )
    hint = (
        "make it faster (less in backup.paths, a faster disk, a release that starts sooner),"
        f" or raise {setting} in mobius.toml"
    )
    return message, hint


def slow_restore_words(takes_s: float, target_s: float) -> str:
    """What is told, and stops nothing: nobody goes this way without asking."""
    return (
        f"going back with the data would take {duration(takes_s)}, longer than rollback_within"
        f" ({duration(target_s)}); code alone is the way that is taken"
    )
