"""The releases that are known, each with whether there is a way back to it, and which."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.errors import MobiusError
from mobius.flows.standing import Standing, standing
from mobius.flows.status import COLD_S, COMMAND_S, WARM_S
from mobius.model.release import BackupRecord, Release
from mobius.model.status import ReleaseAtHand
from mobius.ports import Ports


def releases(ports: Ports) -> tuple[ReleaseAtHand, ...]:
    """Newest first. Looks, changes nothing."""
    now = standing(ports)
    try:
        backups = ports.journal.backups(ports.settings.name) or ports.backups.found()
    except MobiusError:
        backups = ports.backups.found()
    return tuple(_at_hand(release, now, backups, ports) for release in now.releases)


def _at_hand(release: Release, now: Standing, backups: Sequence[BackupRecord], ports: Ports) -> ReleaseAtHand:
    size_bytes = ports.releases.size_bytes(release.id)
    if now.live is not None and release.id == now.live.id:
        return ReleaseAtHand(release, size_bytes, "live")
    if ports.commands is not None:
        way = "command" if ports.settings.command.rollback and ports.settings.target == "command" else ""
        return ReleaseAtHand(release, size_bytes, way, COMMAND_S if way else 0.0)
    if now.warm and now.previous is not None and release.id == now.previous.id:
        return ReleaseAtHand(release, size_bytes, "warm", WARM_S)
    if ports.releases.is_staged(release.id):
        return ReleaseAtHand(release, size_bytes, "cold", COLD_S)
    holding = next((b for b in backups if b.release_id == release.id and b.kind == "release"), None)
    if holding is not None:
        return ReleaseAtHand(release, size_bytes, "backup", COLD_S + holding.restore_s, holding.name)
    return ReleaseAtHand(release, size_bytes, "")
