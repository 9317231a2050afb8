"""Which composer makes the plan: by who lays out and runs the releases."""

from __future__ import annotations

from mobius.model.plan import Plan
from mobius.rules import commanding, planning, returning
from mobius.rules.planning import Facts
from mobius.rules.returning import ReturnFacts


def compose_deploy(facts: Facts) -> Plan:
    """The plan of a deployment: into our slots, or by the service's own command."""
    if facts.settings.target in commanding.ELSEWHERE:
        return commanding.compose_deploy(facts)
    return planning.compose_deploy(facts)


def compose_rollback(facts: ReturnFacts) -> Plan:
    """The plan of a rollback that a person asked for, in the same way."""
    if facts.settings.target in commanding.ELSEWHERE:
        return commanding.compose_return(facts)
    return returning.compose_rollback(facts)
