"""The fencing token of a journal against the hosts of its environment, for a person who raises it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobius.flows.ahead import hosts_ahead, raise_above_hosts
from mobius.flows.ahead import refuse_without_reason as refuse_without_reason
from mobius.model.emergency import Ahead

if TYPE_CHECKING:
    from mobius.wiring.app import App


def look(app: App, name: str) -> Ahead:
    """What the hosts have seen; changes nothing. Raises `UsageError` where there are none, `GateUnknown` where none of
    them answers."""
    return hosts_ahead(app.ports(name, read_only=True))


def raise_token(app: App, name: str, *, reason: str) -> Ahead:
    """The journal is above them from now on; returns how it was before. Raises as `look` does, and `UsageError` without
    a reason."""
    return raise_above_hosts(app.ports(name), reason=reason, who=app._lead(name))
