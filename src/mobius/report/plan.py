"""A plan as `mobius plan` prints it: what will be asked, what will be done, and every way back from it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from mobius.model.plan import FORWARD, PLAN_SCHEMA, Plan, PlannedCheck, Step, WayBack
from mobius.model.verdict import Outcome
from mobius.report.paint import BAD, BOLD, DIM, GOOD, WARN, Paint
from mobius.report.ways import is_proven, losing
from mobius.report.words import command_lines, counted, duration, printable, shortened, wrapped

ROOM_FOR_PHASES = 72  # from this width on, phases are a column and not lines of their own
PHASE = 13
MOST_FINDINGS = 3  # of one migration
COMMANDS_IN = ("commands", "build", "command", "run", "argv", "start")  # params that hold what is executed


def plan_text(plan: Plan, width: int = 80, color: bool = False) -> str:
    """The whole plan in at most `width` columns (but for words that cannot be broken)."""
    paint = Paint(color)
    blocks = [
        _header(plan, width, paint),
        _checks(plan.checks, width, paint),
        _migrations(plan, width, paint),
        _rollout(plan, width, paint),
        _acceptance(plan, width, paint),
        _ways_back(plan, width, paint),
        _what_now(plan, width, paint),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain JSON types, with its sums; `schema_version` is the plan's own."""
    document: dict[str, Any] = {"schema_version": plan.schema_version or PLAN_SCHEMA, "event": "plan"}
    document |= dataclasses.asdict(plan)
    document["expected_s"] = round(sum(step.expected_s for step in plan.rollout), 3)
    document["next"] = shlex.join(deploy_command(plan))
    return document


def deploy_command(plan: Plan) -> list[str]:
    """The command that executes this plan and no other."""
    if plan.kind == "rollback":
        backup = str(plan.facts.get("backup") or "")
        to = [] if backup or plan.facts.get("warm") else ["--to", plan.release_id]
        named = [*to, *(["--backup", backup] if backup else [])]
        named += [word for service in plan.facts.get("also") or () for word in ("--also", str(service))]
        restore = next((step for step in plan.rollout if step.action == "restore_data"), None)
        named += ["--even-if-open"] if restore and restore.params.get("even_if_open") else []
        return ["mobius", "rollback", "-e", plan.environment, *named]
    words = ["mobius", "deploy", "-e", plan.environment, "--tag", plan.tag]
    if hosts := plan.facts.get("stage_hosts"):
        words += ["--canary-hosts", str(len(hosts))]
    elif stages := plan.facts.get("stages"):
        words += ["--canary", ",".join(str(percent) for percent in stages)]
    words += ["--no-canary"] if plan.facts.get("without_stages") else []
    if plan.kind == "restart":
        only = str(plan.facts.get("only") or "")
        words = ["mobius", "restart", "-e", plan.environment, *(["--process", only] if only else [])]
    return [*words, "--plan", plan.hash] if plan.hash else words


def refusals(plan: Plan) -> tuple[PlannedCheck, ...]:
    """The checks whose answer stops the deployment: no, or not known."""
    return tuple(c for c in plan.checks if c.outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE))


def commands_of(step: Step) -> list[str]:
    """What this step executes, one shell line each; empty where mobius does the work itself."""
    lines: list[str] = []
    for key in COMMANDS_IN:
        lines += _as_lines(step.params.get(key))
    for process in step.params.get("processes") or ():
        if isinstance(process, Mapping):
            lines += [f"{line}  ({process.get('name', '')})" for line in _as_lines(process.get("start"))]
    return lines


def _as_lines(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    if not isinstance(value, Sequence) or not value:
        return []
    if all(isinstance(word, str) for word in value):
        return [shlex.join(value)]
    return [line for part in value for line in _as_lines(part)]


def _header(plan: Plan, width: int, paint: Paint) -> list[str]:
    lines = [*_title(_headline(plan), width, paint), ""]
    for name, value in _facts(plan):
        lines += wrapped(value, width, f"  {name:<10}  ", " " * 14)
    return lines


def _title(text: str, width: int, paint: Paint) -> list[str]:
    return [paint(line, BOLD) for line in wrapped(text, width)]


def _headline(plan: Plan) -> str:
    match plan.kind:
        case "deploy":
            return f"Plan: deploy {plan.tag} of {plan.service} to {plan.environment}"
        case "restart":
            return f"Plan: restart {plan.tag} of {plan.service} in {plan.environment}"
        case "rollback":
            return f"Plan: take {plan.service} in {plan.environment} back to {plan.tag or plan.release_id}"
        case kind:
            return f"Plan: {kind} {plan.service} in {plan.environment}"


def _facts(plan: Plan) -> Iterable[tuple[str, str]]:
    facts = plan.facts
    commit = str(facts.get("commit") or "")
    yield "release", f"{plan.release_id}{f', commit {commit[:12]}' if commit else ''}"
    if plan.previous_id:
        yield "live now", plan.previous_id + (f" in slot {plan.previous_slot}" if plan.previous_slot else "")
    else:
        yield "live now", "nothing: this is the first deployment"
    if plan.slot:
        yield "slot", plan.slot
    if window := _window(facts):
        yield "window", window
    pending = facts.get("pending_migrations")
    if isinstance(pending, (list, tuple)) and pending:
        yield "migrations", f"{len(pending)} pending: {', '.join(_migration(one) for one in pending)}"
    if plan.hash:
        yield "hash", plan.hash


def _window(facts: Mapping[str, Any]) -> str:
    policy = facts.get("policy", "")
    name = str(policy.get("name", "")) if isinstance(policy, Mapping) else str(policy)
    window_s = facts.get("window_s")
    parts = [duration(float(window_s))] if isinstance(window_s, (int, float)) else []
    parts += [f"policy {name}"] if name else []
    if "auto_rollback" in facts:
        parts.append("rolls back by itself" if facts["auto_rollback"] else "only calls a person")
    note = str(facts.get("policy_note") or "")
    return ", ".join(parts) + (f" ({note})" if note else "")


def _migration(one: Any) -> str:
    if isinstance(one, Mapping):
        return str(one.get("name") or one.get("version") or one)
    return str(one)


def _checks(checks: tuple[PlannedCheck, ...], width: int, paint: Paint) -> list[str]:
    if not checks:
        return []
    lines = _title("Checks, asked again before anything is changed", width, paint)
    across = min(max(len(printable(check.name)) for check in checks), width // 3)
    for check in checks:
        said = f"{check.question} {check.answer}".strip()
        name = printable(check.name)
        body = wrapped(said, width, f"  # {name:<{across}}  ", " " * (across + 6))
        body[0] = body[0].replace("#", paint.mark(check.outcome), 1)
        lines += body
        if check.advice and check.outcome != Outcome.PASS:
            lines += [
                paint(line, WARN)
                for line in wrapped(f"try: {check.advice.removeprefix('try: ')}", width, " " * (across + 6))
            ]
    return lines


def _migrations(plan: Plan, width: int, paint: Paint) -> list[str]:
    """Each pending one as it was read; what the release before may not live with, and how to make it in two."""
    read = [one for one in plan.facts.get("migrations") or () if isinstance(one, Mapping)]
    if not read:
        return []
    lines = _title("Pending migrations, by their text; the rehearsal says what they really do", width, paint)
    for one in read:
        back = "can be taken back" if one["has_down"] else "has no way down"
        impact = str(one["impact"]) or "not readable: only its own program knows it"
        style = WARN if impact == "HIGH" else ""
        told = f"{printable(str(one['name']))}: {impact}, {back}"
        lines += [paint(line, style) for line in wrapped(told, width, "  ", "    ")]
        shown = list(one["findings"])[:MOST_FINDINGS]
        lines += [line for found in shown for line in wrapped(printable(str(found)), width, "    ", "      ")]
        if more := len(one["findings"]) - len(shown):
            lines.append(f"    and {counted(more, 'finding')} more: mobius migrate plan --tag {plan.tag}")
    for advice in plan.facts.get("in_two_releases") or ():
        lines += [
            paint(line, WARN) for line in wrapped(f"try: {printable(str(advice))}", width, "  ", "    ")
        ]
    return lines


def _rollout(plan: Plan, width: int, paint: Paint) -> list[str]:
    if not plan.rollout:
        return []
    expected_s = sum(step.expected_s for step in plan.rollout)
    title = f"{counted(len(plan.rollout), 'step')} forward, about {duration(expected_s)}"
    lines, number = _title(title, width, paint), 1
    for phase, steps in groupby(plan.rollout, key=lambda step: printable(step.phase)):
        if width < ROOM_FOR_PHASES:
            lines.append(paint(f"  {phase}", DIM))
        for first, step in enumerate(steps):
            lines += _step(number, step, width, paint, "" if first else phase)
            number += 1
    return lines


def _acceptance(plan: Plan, width: int, paint: Paint) -> list[str]:
    if not plan.acceptance:
        return []
    lines = _title("When the window ends with PASS, or a person accepts", width, paint)
    for number, step in enumerate(plan.acceptance, len(plan.rollout) + 1):
        lines += _step(number, step, width, paint)
    return lines


def _step(number: int, step: Step, width: int, paint: Paint, phase: str | None = None) -> list[str]:
    """One step; with a phase (also "") where there is room, a column is kept for it."""
    expected = duration(step.expected_s)
    column = (
        f"{shortened(phase, PHASE):<{PHASE + 2}}" if phase is not None and width >= ROOM_FOR_PHASES else ""
    )
    margin = " " * (6 + len(column))
    body = wrapped(step.title, width - len(expected) - 2, f"{number:>4}  {column}", margin)
    body[0] = f"{body[0]:<{width - len(expected)}}".replace(column, paint(column, DIM), 1)
    body[0] += paint(expected, DIM)
    for line in commands_of(step):
        body += [paint(text, DIM) for text in wrapped(f"$ {line}", width, margin, margin + "    ")]
    return body


def _ways_back(plan: Plan, width: int, paint: Paint) -> list[str]:
    if not plan.ways_back:
        if plan.kind not in FORWARD:
            return []
        none = "there is no release to go back to"
        if plan.previous_id:
            none = "[command] has no rollback, and no stop and start around a restore: a person is called"
        nothing = wrapped(f"none: {none}", width, "  ")
        return [*_title("Ways back", width, paint), *nothing]
    lines = _title("Ways back", width, paint)
    for number, way in enumerate(plan.ways_back):
        lines += [""] * bool(number) + _way_back(way, width, paint)
    return lines


def _way_back(way: WayBack, width: int, paint: Paint) -> list[str]:
    told = f"{way.phase}: {way.way}, about {duration(way.expected_s)}, {way.proven}, {losing(way.loses)}"
    lines = [
        paint(line, GOOD if is_proven(way.proven) else WARN) for line in wrapped(told, width, "  ", "    ")
    ]
    for number, step in enumerate(way.steps, 1):
        lines += _step(number, step, width, paint)
    return lines


def _what_now(plan: Plan, width: int, paint: Paint) -> list[str]:
    stopped = refusals(plan)
    if stopped:
        names = ", ".join(check.name for check in stopped)
        told = f"This would be refused: {names}. Mend that, then:"
        words = deploy_command(plan)
        if plan.kind == "deploy":
            words = ["mobius", "plan", "-e", plan.environment, "--tag", plan.tag]
        if plan.kind == "restart":
            words = ["mobius", "restart", "-e", plan.environment, "--dry-run"]
        return [*(paint(line, BAD) for line in wrapped(told, width)), *command_lines(words, width)]
    told = "Nothing was changed. To do this and nothing else:"
    return [*wrapped(told, width), *command_lines(deploy_command(plan), width)]
