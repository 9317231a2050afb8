"""Plans around somebody else's deployment: our gates, backup, health and window; their commands in between.

There are no slots and no switch here: `deploy` changes what is live where it lives, and `rollback` changes it back.
So the live address is what is asked before the window, and the way back goes through the very same gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mobius.model.plan import Plan, Step, Way, WayBack
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings
from mobius.rules import steps as make
from mobius.rules.choosing import AFTER
from mobius.rules.planning import Facts, prove, remembered, with_hash
from mobius.rules.returning import ReturnFacts, returning
from mobius.rules.sharing import may_go_back_unasked

ELSEWHERE = ("command", "observe")  # targets whose releases somebody else lays out and runs
FORWARD_STEPS = "go"
NO_CODE = "every write since the backup; of the code, what backup.paths hold comes back"


@dataclass(frozen=True, slots=True)
class Change:
    """From one tag to another, by these commands; `to_id` is live afterwards, `from_id` is not."""

    settings: EnvironmentSettings
    to_id: str
    to_tag: str
    from_id: str
    from_tag: str


def compose_deploy(facts: Facts) -> Plan:
    """The whole deployment by the service's own command, with its ways back."""
    facts = replace(facts, slot="", pending=(), live=replace(facts.live, slot=""))
    settings, release, live = facts.settings, facts.release, facts.live
    previous = (
        [make.register(Release(live.release_id, facts.live_tag, "", "", ""))] if live.release_id else []
    )
    forward = Change(settings, release.id, release.tag, live.release_id, facts.live_tag)
    back = Change(settings, live.release_id, facts.live_tag, release.id, release.tag)
    plan = Plan(
        kind="deploy",
        service=facts.service,
        environment=settings.name,
        tag=release.tag,
        release_id=release.id,
        previous_id=live.release_id,
        slot="",
        previous_slot="",
        rollout=make.numbered(
            FORWARD_STEPS,
            [
                *prove(facts, [*previous, make.register(release)]),
                _command("deploy", settings.command.deploy, forward, "start"),
                *_see(forward),
                make.mark_live(release.id, previous_id=live.release_id),
                make.smoke(""),
            ],
        ),
        ways_back=_ways_back(back, facts.restore_s),
        acceptance=make.numbered("accept", [make.prune()]),
        checks=facts.checks,
        facts={**remembered(facts), "auto_restore": may_go_back_unasked(settings)},
        tool_version=facts.tool_version,
    )
    return with_hash(plan)


def compose_return(facts: ReturnFacts) -> Plan:
    """A rollback that a person asked for: by their command, or with the data of a backup."""
    change = Change(
        facts.settings, facts.target.release_id, facts.target_tag, facts.live.release_id, facts.live_tag
    )
    if facts.settings.target == "observe":
        change = Change(facts.settings, "", "", "", "")
    register = [make.register(Release(change.to_id, change.to_tag, "", "", ""))] if change.to_id else []
    if facts.backup:
        restore = make.restore_data(facts.backup, even_if_open=facts.even_if_open)
        data = _with_data(change, make.prepare_data(facts.backup, facts.restore_s), restore)
        steps = [make.verify_file(facts.backup), *register, *data]
    else:
        steps = [*register, *_code_alone(change)]
    return returning(facts, make.numbered("return", steps), slot="", previous_slot="")


def watch_ways_back(settings: EnvironmentSettings, backup: str, restore_s: float) -> tuple[WayBack, ...]:
    """Of what somebody else deployed and we only observe: the data and files of a proven backup, between their stop
    and start."""
    if not backup or not can_restore(settings):
        return ()
    prepare = make.prepare_data(backup, restore_s)
    steps = _with_data(Change(settings, "", "", "", ""), prepare, make.restore_data(backup))
    back = make.numbered("back-restore", steps)
    return (WayBack(AFTER, Way.RESTORE, back, 30.0 + restore_s, NO_CODE, f"{backup} was restored"),)


def can_restore(settings: EnvironmentSettings) -> bool:
    """Whether the service can be stopped and started around a restore."""
    has_data = settings.backup.kept_paths or settings.databases
    return bool(settings.command.stop and settings.command.start and has_data)


def _ways_back(back: Change, restore_s: float) -> tuple[WayBack, ...]:
    """Once their command began, there is one way for each thing they gave us: a rollback command, a stop and start."""
    ways = []
    if back.to_id and back.settings.command.rollback:
        steps = [make.end_commands(FORWARD_STEPS), *_code_alone(back)]
        ways.append(WayBack(AFTER, Way.CODE_ALONE, make.numbered("back-code", steps), 30.0, "nothing"))
    if back.to_id and can_restore(back.settings):
        data = _with_data(back, make.prepare_data("", restore_s), make.restore_data())
        steps = [make.end_commands(FORWARD_STEPS), *data]
        lost = "every write since the backup; the emergency backup keeps them"
        if not back.settings.command.rollback:
            lost = f"{NO_CODE}; the emergency backup keeps them"
        ways.append(WayBack(AFTER, Way.RESTORE, make.numbered("back-restore", steps), 60.0 + restore_s, lost))
    return tuple(ways)


def _code_alone(change: Change) -> list[Step]:
    """Their rollback, held to the same gate as their deployment."""
    return [
        _command("rollback", change.settings.command.rollback, change, "way back"),
        *_see(change),
        make.mark_live(change.to_id, failed_id=change.from_id),
        make.emergency_backup(change.from_id, advisory=True),
        make.smoke("", advisory=True),
        *make.gates_after(change.settings.checks),
    ]


def _with_data(change: Change, prepare: Step, restore: Step) -> list[Step]:
    """Keep the present, stop what writes, change data, bring the code back where there is a command for it, start."""
    command = change.settings.command
    code = []
    if change.to_id and change.to_id != change.from_id and command.rollback:
        code = [_command("rollback", command.rollback, change, "way back")]
    marked = [make.mark_live(change.to_id, failed_id=_other(change))] if change.to_id else []
    return [
        make.emergency_backup(change.from_id),
        prepare,
        _command("stop", command.stop, change, "stop"),
        restore,
        *code,
        _command("start", command.start, change, "start"),
        make.await_healthy(change.settings, "", change.to_id),
        *marked,
        make.smoke("", advisory=True),
        *make.gates_after(change.settings.checks),
        make.list_lost(str(restore.params["backup"])),
    ]


def _other(change: Change) -> str:
    return change.from_id if change.from_id != change.to_id else ""


def _command(name: str, argv: Sequence[str], change: Change, phase: str) -> Step:
    return make.command(name, argv, tag=change.to_tag, previous_tag=change.from_tag, phase=phase)


def _see(change: Change) -> list[Step]:
    """What is live answers, and where it can say so, that it is this."""
    version = [make.see_version(change.to_tag)] if change.settings.command.version and change.to_tag else []
    return [make.await_healthy(change.settings, "", change.to_id), *version]
