"""What each action of a plan does, and how to see whether it was done: one table."""

from __future__ import annotations

from collections.abc import Mapping

from mobius.flows.actions import (
    canary,
    commanding,
    copying,
    holding,
    migrating,
    proving,
    rehearsing,
    returning,
    serving,
)
from mobius.flows.actions.action import Action, Answer, NeedsPerson
from mobius.flows.actions.holding import unless_open

__all__ = ["ACTIONS", "Action", "Answer", "NeedsPerson"]

ACTIONS: Mapping[str, Action] = {
    "gate": Action(proving.gate),
    "stage": Action(proving.stage, proving.staged),
    "register": Action(commanding.register),
    "command": Action(commanding.command, commanding.commanded),
    "end_commands": Action(commanding.end_commands),
    "see_version": Action(commanding.see_version),
    "configure": Action(proving.configure),
    "backup": Action(proving.backup, proving.backup_is_there),
    "verify": Action(proving.verify),
    "rehearse": Action(rehearsing.rehearse),
    "copy_backup": Action(copying.copy_away),
    "migrate": Action(migrating.migrate, migrating.migrated),
    "start": Action(serving.start),
    "await_healthy": Action(serving.await_healthy),
    "ensure_up": Action(serving.ensure_up),
    "smoke": Action(serving.smoke),
    "switch": Action(serving.switch, serving.switched),
    "split": Action(canary.split, canary.is_split),
    "see_stage": Action(canary.see_stage),
    "end_split": Action(canary.end_split, serving.switched),
    "drain": Action(unless_open(serving.drain)),
    "stop": Action(unless_open(serving.stop)),
    "mark_live": Action(serving.mark_live),
    "emergency_backup": Action(proving.emergency_backup, proving.backup_is_there),
    "hold": Action(unless_open(holding.hold)),
    "see_hold": Action(unless_open(holding.see_hold)),
    "release_hold": Action(holding.release_hold),
    "down": Action(migrating.down, migrating.is_down),
    "prepare_data": Action(returning.prepare_data),
    "restore_data": Action(returning.restore_data),
    "list_lost": Action(returning.list_lost),
    "gate_after": Action(returning.gate_after),
    "let_go": Action(returning.let_go),
    "restore_release": Action(serving.restore_release),
    "prune": Action(serving.prune),
}
