"""What an earlier rehearsal saw of this very release beside the one that is live: a deployment that tries less than it
must not go on as if it had not been seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mobius.errors import MobiusError
from mobius.model.release import Release
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports
from mobius.report.words import ago

EVENTS_LOOKED_AT = 500  # back from the newest
NAME = "old release"


def old_release_check(
    pending: Sequence[str], candidate: Release, live: Release | None, ports: Ports
) -> list[CheckResult]:
    """Whether the live release works on the migrated schema, as far as it was seen. Nothing to say where the
    deployment's own rehearsal must find out, where nothing is pending, and where requests are held meanwhile."""
    settings = ports.settings
    hold_s = settings.migrations.hold_s if settings.migrations is not None else 0.0
    boot = settings.rehearsal.boot
    if not pending or live is None or boot or hold_s > 0 or ports.commands is not None:
        return []
    ask = f"mobius migrate rehearse -e {settings.name} --tag {candidate.tag}"
    try:
        found = _last_seen(candidate.id, live.id, ports)
    except MobiusError as problem:
        if boot is None:
            return []
        told = f"not proven: earlier rehearsals cannot be read: {problem.message}"
        return [CheckResult(NAME, Outcome.PASS, told, 0.0, ask)]
    if found is None and boot is None:
        return []
    if found is None:
        told = f"not proven: nobody tries whether {live.tag} works on the migrated schema (rehearsal.boot is false)"
        return [CheckResult(NAME, Outcome.PASS, told, 0.0, ask)]
    at, old = found
    when = ago(at, ports.clock.now())
    if old.get("works"):
        return [
            CheckResult(NAME, Outcome.PASS, f"{live.tag} was seen to work on the migrated copy {when}", 0.0)
        ]
    told = f"{live.tag} was seen to fail on the migrated copy {when}: {old.get('why')}"
    return [
        CheckResult(NAME, Outcome.FAIL, told, 0.0, f"make it in two releases, or set migrations.hold; {ask}")
    ]


def _last_seen(candidate_id: str, live_id: str, ports: Ports) -> tuple[float, Mapping[str, Any]] | None:
    """When the newest rehearsal of both started the live release on the migrated copy, and what came of it."""
    newest = ports.journal.last_event(ports.settings.name, ["rehearsed"])
    if newest is None:
        return None
    after = max(0, newest.seq - EVENTS_LOOKED_AT)
    for event in reversed(ports.journal.events(environment=ports.settings.name, after=after)):
        facts = event.data if event.kind == "rehearsed" else {}
        old = facts.get("old") or {}
        if facts.get("candidate") == candidate_id and facts.get("release_id") == live_id and old.get("tried"):
            return event.at, old
    return None
