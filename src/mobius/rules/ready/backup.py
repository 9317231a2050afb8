"""Whether the release that is live now can be brought back: its backup, and that it was restored once."""

from __future__ import annotations

from mobius.model.ready import Proof
from mobius.model.release import BackupRecord, Release, tree_of
from mobius.model.verdict import Outcome


def judge_backup(
    live: Release | None,
    newest: BackupRecord | None,
    damage: str,
    *,
    environment: str,
) -> tuple[Proof, ...]:
    """The newest backup, whose hashes were computed just now: `damage` says what is wrong with it. It must be of what
    is live, and have been restored once in a scratch place."""
    create, rehearse = f"mobius backup create -e {environment}", f"mobius rehearse -e {environment}"
    if live is None:
        return (Proof("backup", Outcome.PASS, "nothing is live yet, so there is nothing to lose", "journal"),)
    if newest is None:
        return (Proof("backup", Outcome.FAIL, f"none of {live.id}", "backups", 0.0, create),)
    where, at = newest.path, newest.created_at
    if damage:
        return (Proof("backup", Outcome.FAIL, damage, where, at, create),)
    if tree_of(newest.release_id) != tree_of(live.id):
        told = f"of {newest.release_id or 'no release'}, and {live.id} is live"
        return (Proof("backup", Outcome.FAIL, told, where, at, create),)
    whole = Proof(
        "backup", Outcome.PASS, f"SHA-256 {newest.sha256[:12]}, as it was written", where, at, create
    )
    if not newest.rehearsed_at:
        told = "it was never restored"
        return (whole, Proof("restored", Outcome.FAIL, told, where, 0.0, rehearse))
    told = f"in {newest.restore_s:.1f} s, in a scratch place" + (", and started" if newest.booted else "")
    return (whole, Proof("restored", Outcome.PASS, told, where, newest.rehearsed_at, rehearse))
