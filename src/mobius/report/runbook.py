"""Runbooks: the plan, the settings and the people of one environment, as a page that is followed from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mobius.model.notices import EscalationSettings
from mobius.model.plan import Plan, Step, WayBack
from mobius.model.settings import EnvironmentSettings, Settings
from mobius.report.plan import commands_of, deploy_command, refusals
from mobius.report.premerge import cell
from mobius.report.quick import goes_back_by_itself, latest_backup
from mobius.report.runbook_troubles import TROUBLES
from mobius.report.starting import limits
from mobius.report.ways import losing
from mobius.report.words import duration

NOBODY = "Nobody is named: add `[escalation]` to mobius.toml."


def deployment_runbook(settings: Settings, e: EnvironmentSettings, plan: Plan) -> str:
    """How this very release is deployed, step by step, and what to do where a step fails."""
    on = f"-e {e.name}"
    blocks = [
        _title(f"Deploying {plan.tag} of {plan.service} to {e.name}", e, plan),
        _heading("Who to call", _people(e.escalation)),
        _heading(
            "Before",
            _checks(plan),
            _shell(f"mobius doctor {on}", f"mobius plan {on} --tag {plan.tag}"),
            _readiness(e, f"mobius ready {on} --tag {plan.tag}"),
        ),
        _heading("Deploy", _shell(" ".join(deploy_command(plan))), _hash_note(plan), _exit_codes()),
        _heading("What it does, and when a step fails", _steps(plan.rollout)),
        _heading(
            "While it is watched",
            f"For {duration(e.window_s)}, by the policy `{e.policy.name}`. It goes back by itself when:",
            _bullets(limits(e)) or "- (this policy sets no limit of its own)",
            _shell(f"mobius status {on}", f"mobius health {on}", f"mobius smoke {on}"),
            f"To look on: `mobius monitor {on}`; Ctrl-C ends the looking, never the watch.",
        ),
        _heading("Going back", "\n".join(_way(one) for one in plan.ways_back), _back(on, e)),
        _heading(
            "Afterwards",
            _shell(f"mobius report {on}", f"mobius history {on}"),
            f"To keep the release before the window ends: `mobius accept {on}`.",
        ),
    ]
    return "\n\n".join(blocks) + "\n"


def rollback_runbook(
    settings: Settings, e: EnvironmentSettings, plan: Plan | None, why_none: str = ""
) -> str:
    """How the live release is taken back: first what asks nothing, then what looks first."""
    on = f"-e {e.name}"
    find = latest_backup(settings, e)
    how = "" if plan is None else " ".join(deploy_command(plan))
    blocks = [
        _title(f"Taking {settings.service} back in {e.name}", e, plan),
        _heading("Now, without a question", *_at_once(on, e)),
        _heading("Who to call", _people(e.escalation)),
        _heading(
            "With a moment to look",
            _shell(f"mobius status {on}", f"mobius rollback {on} --dry-run", f"{how} --yes")
            if how
            else f"There is no way back now: {why_none}.",
        ),
        *([_heading("What it does, and when a step fails", _steps(plan.rollout))] if plan else []),
        _heading(
            "Code, configuration and data of a backup",
            "What was written since that backup goes; a backup made first keeps it (`emergency_*.zip`).",
            _shell(find, 'sha256sum -c "${LATEST_BACKUP}.sha256"'),
            f"Then, asking nothing, within {duration(e.emergency_within_s)}:"
            f' `mobius rollback {on} --backup "$LATEST_BACKUP" --emergency`.',
        ),
        _heading(
            "Afterwards",
            _shell(f"mobius health {on}", f"mobius smoke {on}", f"mobius report {on}"),
            f"What came back is watched for two hours: `mobius monitor {on}`.",
        ),
        _heading("When it does not work", _numbered(_not_working(on, e))),
    ]
    return "\n\n".join(blocks) + "\n"


def _title(text: str, e: EnvironmentSettings, plan: Plan | None) -> str:
    rows = [("reached at", e.url), ("target", e.target), ("in", str(e.root))]
    if plan is not None:
        rows += [("release", plan.release_id), ("live before", plan.previous_id or "nothing")]
        rows += [("plan", plan.hash)] if plan.hash else []
        rows += [("about", duration(sum(step.expected_s for step in plan.rollout)))]
    if e.deploy_lead:
        rows.append(("lead", e.deploy_lead))
    return f"# {cell(text)}\n\n" + _table(("", ""), rows)


def _people(escalation: EscalationSettings) -> str:
    rows = [
        (str(number), step.role, step.name, step.contact, duration(step.wait_s))
        for number, step in enumerate(escalation.steps, 1)
    ]
    return _table(("", "role", "name", "contact", "waits"), rows) if rows else NOBODY


def _readiness(e: EnvironmentSettings, command: str) -> str:
    told = f"Nine points that should be true before, each with its proof and what mends it: `{command}`."
    return f"{told} Without them this deployment is refused." if e.ready.required else told


def _checks(plan: Plan) -> str:
    rows = [(check.name, check.outcome or "not asked", check.answer) for check in plan.checks]
    left = refusals(plan)
    told = f"{len(left)} check(s) refuse it as things stand." if left else ""
    return "\n\n".join(part for part in (_table(("asked", "answer", "seen"), rows), told) if part)


def _steps(steps: Sequence[Step]) -> str:
    rows = []
    touched = False
    for number, step in enumerate(steps, 1):
        touched = touched or step.effect
        trouble = TROUBLES.get(step.action)
        words = trouble.words(touched=touched) if trouble else _otherwise(touched)
        lines = "".join(f"; runs `{line}`" for line in commands_of(step))
        rows.append((str(number), f"{step.title}{lines}", duration(step.expected_s), words))
    return _table(("", "step", "about", "when it fails"), rows)


def _otherwise(touched: bool) -> str:
    return (
        "it is taken back by itself (exit 12)" if touched else "nothing was touched; mend it and deploy again"
    )


def _way(way: WayBack) -> str:
    proven = way.proven if way.proven else "not proven"
    return (
        f"- from “{way.phase}”: {way.way}, about {duration(way.expected_s)}, {losing(way.loses)} ({proven})"
    )


def _back(on: str, e: EnvironmentSettings) -> str:
    return (
        f"By hand, at any moment: `mobius rollback {on} --yes`; asking nothing and within"
        f" {duration(e.emergency_within_s)}: `mobius rollback {on} --emergency`."
    )


def _hash_note(plan: Plan) -> str:
    return (
        "It refuses where anything has changed since this page was made: make it anew then."
        if plan.hash
        else ""
    )


def _exit_codes() -> str:
    return (
        "Exit 0: live and well. 3 or 4: refused, nothing was touched. 12: it was taken back. 13: call, now."
    )


def _at_once(on: str, e: EnvironmentSettings) -> tuple[str, ...]:
    command, within = e.command.rollback, f"Within {duration(e.emergency_within_s)}."
    if goes_back_by_itself(e):
        does = "The code of the release before gets the traffic, the data stays."
    elif command:
        does = f"Your own command runs, the data stays: `{' '.join(command)}`."
    else:
        return ("mobius deploys nothing here, and knows no command that goes back: do it by your own means.",)
    return _shell(f"mobius rollback {on} --emergency"), f"{does} {within}"


def _not_working(on: str, e: EnvironmentSettings) -> list[str]:
    looks = {
        "ssh": f"`mobius status {on}` has a line of every host.",
        "command": f"`mobius logs {on}` says what your own command said last.",
        "observe": "What runs is known to whatever deployed it.",
    }
    supervised = f"`mobius host status {on}` says what runs; `mobius host start {on}` starts what was live."
    call = "call the first person above, then the next when their time is over"
    return [
        f"`mobius status {on}` says what stands still; its last line is the next command.",
        f"`mobius resume {on}` carries on a run that was cut; `mobius abort {on}` takes it back.",
        looks.get(e.target, supervised),
        f"Exit 13 means that going back failed: {call if e.escalation.steps else 'call whoever owns the service'}.",
    ]


def _heading(title: str, *parts: str) -> str:
    return "\n\n".join([f"## {title}", *(part for part in parts if part)])


def _shell(*lines: str) -> str:
    return "\n".join(["```bash", *lines, "```"])


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _numbered(lines: Iterable[str]) -> str:
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
