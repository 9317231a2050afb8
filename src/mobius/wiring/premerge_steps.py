"""The steps of a validation before a merge, each as it is made in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mobius.adapters.monitor_logs import monitor_logs
from mobius.adapters.repository import untracked_in
from mobius.errors import GateFailed, MobiusError, UsageError
from mobius.flows.standing import standing
from mobius.model.premerge import CONFIGURATION, Skip, StepResult, StepState
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports
from mobius.report.smoke import smoke_text
from mobius.report.words import counted
from mobius.rules.premerge import said_of, state_of
from mobius.wiring.app import App
from mobius.wiring.premerge_backup import SCRATCH_BACKUP, backup
from mobius.wiring.scratch_data import with_known_databases

MONITOR_LOGS = "monitor_logs"
OF_THE_LIVE_DATA = ("deploy", "migrations")  # they ask what is live what it has already


def step(name: str, app: App, environment: str, tag: str, *, rehearse: bool, run_folder: Path) -> StepResult:
    """Makes one step; what it could not do is said in its result. Raises nothing but what ends the process."""
    began = time.monotonic()
    try:
        known = with_known_databases(app, environment) if name in OF_THE_LIVE_DATA else nullcontext((app, ""))
        with known as (there, said):
            made = _made(name, there, environment, tag, rehearse=rehearse, run_folder=run_folder)
        made = replace(made, said=f"{made.said}; {said}" if said else made.said)
    except MobiusError as problem:
        outcome = Outcome.FAIL if problem.exit_code in (GateFailed.exit_code, 11) else Outcome.ERROR
        check = CheckResult(name, outcome, str(problem), 0.0, problem.hint.removeprefix("try: "))
        made = StepResult(name, state_of((check,)), str(problem).splitlines()[0], checks=(check,))
    return replace(made, name=name, seconds=time.monotonic() - began)


def _made(name: str, app: App, environment: str, tag: str, *, rehearse: bool, run_folder: Path) -> StepResult:
    match name:
        case "backup":
            return _result(*backup(app, environment, run_folder))
        case "deploy":
            return deployment(app, environment, tag)
        case "migrations":
            return migrations(app, environment, tag, rehearse=rehearse)
        case "smoke":
            return smoke(app, environment, tag, run_folder)
        case "gates":
            return gates(app, environment)
        case "scan":
            return vulnerabilities(app, environment)
        case "protection":
            return protection(app, environment)
        case "tests":
            return own_tests(app, environment)
        case _:
            raise UsageError(f"there is no step {name!r}", "the steps there are: mobius premerge --help")


def _result(checks: tuple[CheckResult, ...], good: str, *files: str) -> StepResult:
    return StepResult("", state_of(checks), said_of(checks, good), checks=checks, files=files)


def _nothing(reason: str, *files: str) -> StepResult:
    """There is nothing of the kind in this project: no answer, and shown as that."""
    return StepResult("", StepState.SKIPPED, reason, skipped=Skip(CONFIGURATION, reason), files=files)


def deployment(app: App, environment: str, tag: str) -> StepResult:
    """The plan of deploying this checkout, with its checks; nothing is changed."""
    from mobius.report.plan import plan_text

    ports = app.ports(environment, read_only=True)
    if ports.settings.target == "observe":
        return _nothing(f"{environment} is only observed: somebody else deploys")
    plan = app.plan(environment, tag, asks_ready=False)
    ports.artifact("deploy-dryrun.log", plan_text(plan, 100) + "\n")
    live = standing(ports).live
    is_live = live is not None and live.id == plan.release_id
    checks = tuple(
        CheckResult(each.name, Outcome.PASS, each.answer, 0.0)
        if is_live and each.name == "release"  # it was deployed there before it is merged: nothing is wrong
        else CheckResult(each.name, Outcome(each.outcome), each.answer, 0.0, each.advice)
        for each in plan.checks
    )
    steps = counted(len(plan.rollout), "step")
    return _result(
        checks,
        f"{steps}, {counted(len(plan.ways_back), 'way')} back, plan {plan.hash[:12]}",
        "deploy-dryrun.log",
    )


def migrations(app: App, environment: str, tag: str, *, rehearse: bool) -> StepResult:
    """What is pending, judged by its text and the last rehearsal; `rehearse`: run on a restored copy."""
    from mobius.report.migrating_checks import migration_checks
    from mobius.wiring import migrating

    seen = app.look_at_migrations(environment, tag)
    if rehearse and seen.pending:
        seen = app.rehearse_migrations(seen, progress=print)
    report = migrating.document(app, seen, rehearsed=rehearse and bool(seen.pending))
    app.ports(environment, read_only=True).artifact("migrate-dryrun.sarif", _json(migrating.sarif(app, seen)))
    pending = counted(len(seen.pending), "migration") + " pending"
    how = "rehearsed" if seen.rehearsal else "read"
    good = f"{pending}, risk {report['risk']}, {how}" if seen.layout else seen.remarks[0]
    return _result(migration_checks(report), good, "migrate-dryrun.log", "migrate-dryrun.sarif")


def smoke(app: App, environment: str, tag: str, run_folder: Path) -> StepResult:
    """This checkout started in a scratch place, smoke-tested and watched; or what runs at the configured address."""
    from mobius.wiring.scratch import advice_on, start_here, way_of_starting

    ports = app.ports(environment, read_only=True)
    how, why = way_of_starting(app, environment)
    if not how:
        advice = advice_on(why)
        ports.artifact("postdeploy-smoketests.log", f"not made: {why}\n")
        return _result(
            (CheckResult("start", Outcome.ERROR, why, 0.0, advice),), "", "postdeploy-smoketests.log"
        )
    if how == "url":
        return _asked_at_its_address(app, environment)
    seen = start_here(app, environment, tag, how=how, keep=run_folder / SCRATCH_BACKUP, progress=print)
    _log_looks(ports, environment, seen.looks)
    started = CheckResult(
        "start", seen.outcome, seen.sentence or f"{seen.release} was deployed in a scratch place", 0.0,
        seen.advice, "\n".join(map(ports.redact, seen.log)) if seen.outcome is not Outcome.PASS else "",
    )  # fmt: skip
    text = smoke_text(seen.smoke)
    text += f"\nstarted {_how(how)}, {seen.data}: {started.outcome} {started.message}\n"
    text += f"left out, for they ask elsewhere: {', '.join(seen.left_out)}\n" if seen.left_out else ""
    ports.artifact("postdeploy-smoketests.log", text)
    good = (
        f"{len(seen.smoke)} passed, {counted(len(seen.looks), 'look')} good; started {_how(how)}, {seen.data}"
    )
    good += f"; {len(seen.left_out)} left out" if seen.left_out else ""
    return _result((started, *seen.smoke), good, "postdeploy-smoketests.log", f"{MONITOR_LOGS}/")


def _asked_at_its_address(app: App, environment: str) -> StepResult:
    """What runs there, and not this checkout: that is said."""
    ports = app.ports(environment, read_only=True)
    health = ports.checks.health(ports.settings.url)
    _log_looks(ports, environment, [{"at": time.time(), **asdict(health)}])
    checks = (health, *app.smoke(environment))
    ports.artifact("postdeploy-smoketests.log", smoke_text(checks))
    told = f"{len(checks)} passed at {ports.settings.url}: what runs there, not this checkout"
    return _result(checks, told, "postdeploy-smoketests.log", f"{MONITOR_LOGS}/")


def _log_looks(ports: Ports, environment: str, looks: Sequence[Mapping[str, Any]]) -> None:
    """As a window logs its looks."""
    log = monitor_logs(ports.settings.artifact_dir / MONITOR_LOGS, environment, ports.redact)
    began = float(looks[0]["at"]) if looks else time.time()
    for look in looks:
        log(began, f"{look['outcome']} {look['message']} ({look['duration_ms']:.0f} ms)", dict(look))


def _how(how: str) -> str:
    return "cut off by bubblewrap" if how == "isolated" else "as it is, on a port of its own"


def gates(app: App, environment: str) -> StepResult:
    """The newest films against all their gates, and every gate command that is for before a deployment."""
    from mobius.wiring.media import film_gates

    ports = app.ports(environment, read_only=True)
    named = [gate.name for gate in ports.settings.checks if gate.when in ("before", "both")]
    checks = (
        *film_gates(app, environment),
        *(ports.checks.gate(each) for each in named),
    )
    if not checks:
        return _nothing("mobius.toml names no films (media.latest) and no [[gate]] for before a deployment")
    return _result(checks, f"{counted(len(checks), 'gate')} passed")


def vulnerabilities(app: App, environment: str) -> StepResult:
    """Known vulnerabilities; not knowing is no answer."""
    from mobius.report.scan import scan_checks, scan_text, summary
    from mobius.wiring.scanning import JUNIT, REPORT, SARIF, scan_project

    made = scan_project(app, environment)
    print(scan_text(made, 100))
    return _result(scan_checks(made), summary(made), REPORT, SARIF, JUNIT)


def protection(app: App, environment: str) -> StepResult:
    """Whether the branch is protected as it must be."""
    from mobius.model.forge import Unknown
    from mobius.rules.forge.protection import judge_protection
    from mobius.wiring.forge import forge_of, settings_of

    wanted, forge = settings_of(app, environment), forge_of(app, environment)
    found = forge if isinstance(forge, Unknown) else forge.protection(wanted.branch)
    of = "" if isinstance(forge, Unknown) else f" of {forge.repository}"
    return _result(judge_protection(found, wanted), f"{wanted.branch}{of} is protected as it must be")


def own_tests(app: App, environment: str) -> StepResult:
    """The project's own tests, and the reports that they write."""
    from mobius.wiring.premerge_tests import run_tests

    settings = app.environment(environment).premerge
    if not settings.tests and not settings.junit:
        return _nothing("premerge.tests names no command")
    untracked = untracked_in(app.settings.project)  # before they write any
    there = (
        f"; {counted(len(untracked), 'file')} that no commit has lay there: {untracked[0]}"
        if untracked
        else ""
    )
    checks = run_tests(settings, app.settings.project, app.environ)
    reports = f", {counted(len(checks) - len(settings.tests), 'report')} good" if settings.junit else ""
    return _result(checks, f"{counted(len(settings.tests), 'command')} passed{reports}{there}")


def _json(document: object) -> str:
    import json

    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
