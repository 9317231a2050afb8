"""`mobius github protection`: whether the branch is protected as it must be, and making it so."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.context import app, confirm, environment_option, json_option, next_step, width, yes_option
from mobius.errors import GateUnknown, UsageError
from mobius.model.verdict import CheckResult, Outcome, worst

if TYPE_CHECKING:
    from mobius.flows.github.protection import Change, Kind
    from mobius.model.forge import GitHubSettings, Unknown
    from mobius.ports import Forge
    from mobius.wiring import App

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}
FILE = click.Path(path_type=Path)
LARGEST = 1 << 20
KINDS = ("classic", "ruleset")
WORDS = {"classic": "the classic protection", "ruleset": 'the ruleset "mobius"'}
branch_option = click.option("--branch", metavar="NAME", help="Another branch than github.branch.")


@click.group("protection")
def protection() -> None:
    """The rules of the branch that is released from."""


@protection.command("check")
@branch_option
@environment_option
@click.option("--junit", type=FILE, metavar="FILE", help="Also as JUnit.")
@click.option("--sarif", type=FILE, metavar="FILE", help="Also as SARIF.")
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    branch: str | None,
    environment: str | None,
    junit: Path | None,
    sarif: Path | None,
    as_json: bool,
) -> int:
    """Look at classic protection and rulesets, and at who may pass them by.

    Exit 0 when every demand of [github] is met, 3 when one is not, 4 when GitHub does not show it: what cannot be seen
    is never a pass. Changes nothing.
    """
    from mobius.rules.forge.protection import judge_protection

    the_app = app(ctx)
    forge, wanted = _asked(the_app, environment, branch)
    rules = forge if _is_unknown(forge) else forge.protection(wanted.branch)  # type: ignore[union-attr]
    results = judge_protection(rules, wanted)  # type: ignore[arg-type]
    return _told(results, rules, wanted, junit=junit, sarif=sarif, as_json=as_json)


@protection.command("apply")
@branch_option
@environment_option
@click.option("--undo", type=FILE, metavar="FILE", help="Put back what such a file keeps.")
@click.option(
    "--as", "kind", type=click.Choice(KINDS),
    help="Classic protection, or a ruleset of our own; default: what the repository uses.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show the difference, change nothing.")
@yes_option
@json_option
@click.pass_context
def apply(
    ctx: click.Context,
    branch: str | None,
    environment: str | None,
    undo: Path | None,
    kind: Kind | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Make the protection meet [github], and prove that it does: classic protection, or the ruleset "mobius" where the
    branch has rulesets and no classic protection. Rulesets of others are left alone.

    What is stricter already stays. The difference is shown and asked about; what was there is kept in a file, which
    --undo puts back. Exit codes as those of check, by what holds afterwards.
    """
    from mobius.flows.github.protection import plan_apply, plan_undo, put

    if undo and kind:
        raise UsageError("the file says what it was of", "leave --as away")
    the_app = app(ctx)
    forge, wanted = _known(the_app, environment, branch)
    change = plan_undo(forge, _file(undo)) if undo else plan_apply(forge, wanted, kind)
    wanted = replace(wanted, branch=change.branch)
    if not as_json:
        _show(change, forge.repository)
    if dry_run or not change.lines:
        return _nothing_done(change, forge, wanted, dry_run=dry_run, as_json=as_json)
    confirm(f"Change the protection of {change.branch} in {forge.repository}?", yes=yes)

    def keep(name: str, text: str) -> str:
        folder = the_app.settings.project / ".mobius" / "github"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("x", encoding="utf-8") as opened:
            opened.write(text + "\n")
        return str(folder / name)

    kept = put(forge, change, keep=keep, now=time.time())
    results, rules = _now(forge, wanted)
    code = _told(results, rules, wanted, as_json=as_json, more={"lines": list(change.lines), "kept": kept})
    next_step(f"take it back: mobius github protection apply --undo {kept}", quiet=as_json)
    return 0 if undo else code


def _asked(
    the_app: App, environment: str | None, branch: str | None
) -> tuple[Forge | Unknown, GitHubSettings]:
    from mobius.wiring.forge import forge_of, settings_of

    wanted = settings_of(the_app, environment)
    if branch is not None and not branch.strip():
        raise UsageError("which branch?", "write: --branch main")
    return forge_of(the_app, environment), replace(wanted, branch=branch) if branch else wanted


def _known(the_app: App, environment: str | None, branch: str | None) -> tuple[Forge, GitHubSettings]:
    from mobius.model.forge import Unknown

    forge, wanted = _asked(the_app, environment, branch)
    if isinstance(forge, Unknown):
        raise GateUnknown(forge.reason, forge.hint)
    return forge, wanted


def _is_unknown(found: object) -> bool:
    from mobius.model.forge import Unknown

    return isinstance(found, Unknown)


def _file(file: Path) -> str:
    if not file.is_file() or file.stat().st_size > LARGEST:
        raise UsageError(f"{file}: no such file of a protection", "give the file that apply has named")
    return file.read_text(encoding="utf-8", errors="replace")


def _show(change: Change, repository: str) -> None:
    from mobius.report.words import printable

    if change.lines:
        click.echo(f"{WORDS[change.of]} of {change.branch} in {repository}:")
    for line in change.lines:
        click.echo(f"  {printable(line)}")


def _now(forge: Forge, wanted: GitHubSettings) -> tuple[tuple[CheckResult, ...], Any]:
    from mobius.rules.forge.protection import judge_protection

    rules = forge.protection(wanted.branch)
    return judge_protection(rules, wanted), rules


def _nothing_done(
    change: Change, forge: Forge, wanted: GitHubSettings, *, dry_run: bool, as_json: bool
) -> int:
    if dry_run and change.lines:
        if as_json:
            facts = {"branch": change.branch, "dry_run": True, "lines": list(change.lines)}
            click.echo(json.dumps({"schema_version": 1, "event": "github_protection", **facts}))
        next_step("nothing was changed; do it: mobius github protection apply", quiet=as_json)
        return 0
    if not as_json:
        click.echo(f"nothing to change in {WORDS[change.of]}")
    results, rules = _now(forge, wanted)
    return _told(results, rules, wanted, as_json=as_json, more={"lines": []})


def _told(
    results: Sequence[CheckResult],
    rules: Any,
    wanted: GitHubSettings,
    *,
    as_json: bool,
    junit: Path | None = None,
    sarif: Path | None = None,
    more: dict[str, Any] | None = None,
) -> int:
    from mobius.report.protection import protection_json, protection_text

    answer = worst([each.outcome for each in results])
    if as_json:
        facts = protection_json(results, rules, wanted.branch) | (more or {})
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        click.echo(protection_text(results, rules, wanted.branch, max(60, min(width(), 100))))
    _write(results, junit, sarif)
    advice = next((each.advice for each in results if each.outcome is not Outcome.PASS and each.advice), "")
    step = (
        "the branch is protected; who approved a release: mobius ready" if answer is Outcome.PASS else advice
    )
    if more is None or not more.get("kept"):
        next_step(f"next: {step}" if step else "next: mobius github protection check", quiet=as_json)
    return CODES.get(answer, 4)


def _write(results: Sequence[CheckResult], junit: Path | None, sarif: Path | None) -> None:
    from mobius.report.junit import junit as as_junit
    from mobius.report.sarif import sarif_of, sarif_of_checks, sarif_run

    if junit:
        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(as_junit("branch protection", results, at=time.time()), encoding="utf-8")
    if sarif:
        sarif.parent.mkdir(parents=True, exist_ok=True)
        run = sarif_run("mobius github protection", sarif_of_checks(results))
        sarif.write_text(json.dumps(sarif_of([run]), indent=1), encoding="utf-8")
