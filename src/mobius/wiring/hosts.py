"""The hosts of a fleet that take no part: put back by whoever resumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobius.flows.bad_hosts import resume_hosts
from mobius.model.run import RunState

if TYPE_CHECKING:
    from mobius.wiring.app import App


def put_hosts_back(app: App, name: str) -> tuple[str, ...] | None:
    """Their names; None where no host is out, or a run stands still, which comes first. Raises `GateFailed` where none
    of them could be put back."""
    if not app.environment(name).hosts:
        return None
    ports = app.ports(name)
    run = ports.journal.active_run(name)
    if run is not None and (run.state is RunState.NEEDS_OPERATOR or not ports.launcher.alive(run)):
        return None
    return resume_hosts(ports, who=app._who())
