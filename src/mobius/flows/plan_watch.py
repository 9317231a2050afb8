"""The plan of a window without a deployment, over what is live now."""

from __future__ import annotations

from mobius.errors import UsageError
from mobius.flows.plan import proven_backup
from mobius.flows.standing import standing
from mobius.model.plan import Plan, WayBack
from mobius.model.release import Release
from mobius.ports import Ports
from mobius.rules.commanding import watch_ways_back
from mobius.rules.planning import with_hash
from mobius.rules.sharing import may_go_back_unasked

WHAT_RUNS = Release("what-runs-now", "", "", "", "")  # of which no deployment is known


def plan_watch_of_now(ports: Ports, *, window_s: float, tool_version: str) -> Plan:
    """A window over what is live now. Where somebody else deploys, nothing need be known of it: then it is watched
    by its address alone, and the way back is the newest proven backup, if their commands can stop and start it.
    Raises `UsageError` when nothing is live."""
    now, settings = standing(ports), ports.settings
    live = now.live
    if live is None and ports.commands is None:
        raise UsageError("there is nothing live to watch", f"mobius deploy -e {settings.name} --tag TAG")
    live = live or WHAT_RUNS
    backup = proven_backup(ports) if settings.target == "observe" else None
    ways = watch_ways_back(settings, backup.path, backup.restore_s) if backup else ()
    return plan_watch(
        ports,
        live.id,
        live.tag,
        now.live_slot,
        window_s=window_s,
        tool_version=tool_version,
        ways_back=ways,
        back_to=backup.name if backup and ways else "",
    )


def plan_watch(
    ports: Ports,
    live_id: str,
    tag: str,
    slot: str,
    *,
    window_s: float,
    tool_version: str,
    ways_back: tuple[WayBack, ...] = (),
    back_to: str = "",
) -> Plan:
    """A window of its own over what is live now, without a deployment: bad news pages, or takes one of these ways
    back, to what `back_to` names."""
    settings = ports.settings
    return with_hash(
        Plan(
            kind="monitor",
            service=ports.service,
            environment=settings.name,
            tag=tag,
            release_id=live_id,
            previous_id=back_to,
            slot=slot,
            previous_slot="",
            rollout=(),
            ways_back=ways_back,
            acceptance=(),
            facts={
                "auto_restore": may_go_back_unasked(settings),
                "policy": settings.policy.name,
                "policy_base": settings.policy.base,
                "policy_note": settings.policy.note,
                "interval_s": settings.monitor.interval_s,
                "window_s": window_s,
                "url": settings.url,
                "auto_rollback": settings.auto_rollback,
            },
            tool_version=tool_version,
        )
    )
