"""`mobius evidence`: the signed record of each run, which anybody can verify with public tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.advice import addressed, for_environment
from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.errors import GateUnknown, MobiusError, UsageError

if TYPE_CHECKING:
    from mobius.adapters.evidence.folder import EvidenceFolder, Verified
    from mobius.adapters.evidence.keys import PublicKey

LOOK = "look for it in an export or a copy: mobius audit verify --against FILE"
FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("evidence")
def command() -> None:
    """The signed record of each run: show and verify it, and its key."""


@command.group("key")
def key() -> None:
    """The key that signs."""


@key.command("init")
@environment_option
@click.option("--out", type=FILE, metavar="FILE", help="Where it goes; then set evidence.key to it.")
@click.option("--rotate", is_flag=True, help="Replace the key that is there; its public half is kept.")
@json_option
@click.pass_context
def key_init(
    ctx: click.Context, environment: str | None, out: Path | None, rotate: bool, as_json: bool
) -> int:
    """Make an Ed25519 key, for its owner alone, and its public half beside it."""
    from mobius.adapters.evidence.keys import make_key, public_of

    with addressed(environment):
        folder = _folder(ctx, environment)
        path = Path(out).absolute() if out else folder.key
        if why := folder.why_not_there(path):
            raise UsageError(
                f"a key must not lie there: {why}",
                "choose a folder outside of the project, or leave --out away",
            )
        made = make_key(path, rotate=rotate)
    facts = {"key": str(path), "public_key": str(public_of(path)), "keyid": made.keyid}
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "event": "evidence_key", **facts}))
    else:
        click.echo(f"{made.keyid}\n  private: {path}\n  public:  {public_of(path)}")
        if out and folder.key != path:
            click.echo(f'  say so in mobius.toml:  [evidence]  key = "{path}"', err=True)
    next_step(f"keep a copy of {public_of(path).name} where this host cannot write", quiet=as_json)
    return 0


@command.command("list")
@environment_option
@json_option
@click.pass_context
def listing(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """List the evidence there is, and whether each is signed by a key that is believed here."""
    with addressed(environment):
        folder = _folder(ctx, environment)
        found = [_checked(path, folder.believed(), environment) for path in folder.files()]
    for one in found:
        click.echo(json.dumps(one, ensure_ascii=False) if as_json else _line(one))
    if not found:
        click.echo("no evidence yet: it is written when a run ends", err=True)
    advice = for_environment(environment, "hold it against the audit log, too: mobius evidence verify")
    next_step(advice, quiet=as_json or not found)
    return 0


@command.command("show")
@click.argument("file", type=FILE, required=False)
@environment_option
@click.option("--run", "run_id", type=int, metavar="N", help="Of this run; default: the newest.")
@json_option
@click.pass_context
def show(
    ctx: click.Context, file: Path | None, environment: str | None, run_id: int | None, as_json: bool
) -> int:
    """Print what a file says, without saying that it is true."""
    from mobius.adapters.evidence import envelope as dsse
    from mobius.adapters.evidence.folder import read_file
    from mobius.report.evidence import statement_words

    with addressed(environment):
        path = file or _newest(_folder(ctx, environment), run_id)
        told = dsse.statement_of(dsse.read(read_file(path)))
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(statement_words(told)))
    next_step(for_environment(environment, f"is it true? mobius evidence verify {path}"), quiet=as_json)
    return 0


@command.command("verify")
@click.argument("files", type=FILE, nargs=-1)
@environment_option
@click.option(
    "--key",
    "key_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Believe this public key, and no other.",
)
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    files: tuple[Path, ...],
    environment: str | None,
    key_files: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Verify signatures, and that the audit log still holds what was signed; all files when none is named.

    With --key and files it needs neither mobius.toml nor a journal. Exit 3: altered, by another key, or not what the
    log says. Exit 4: unsigned, or nobody can tell.
    """
    from mobius.adapters.evidence.keys import read_public

    alone = bool(files and key_files)
    with addressed(environment):
        folder = None if alone else _folder(ctx, environment)
        believed: Sequence[PublicKey] = [key for file in key_files for key in read_public(file)]
        if folder is not None and not key_files:
            believed = folder.believed()
        paths = files or (folder.files() if folder else ())
        found = [_checked(path, believed, environment) for path in paths]
        if folder is not None:
            _hold_against_the_log(ctx, environment, found, folder)
    if as_json:
        ok = bool(found) and all(one["ok"] for one in found)
        click.echo(
            json.dumps(
                {"schema_version": 1, "event": "evidence_verified", "ok": ok, "files": found},
                ensure_ascii=False,
            )
        )
    else:
        click.echo("\n".join(_line(one) for one in found))
    if not found:
        with addressed(environment):
            raise GateUnknown(
                "there is no evidence to verify", "it is written when a run ends: mobius evidence write"
            )
    bad = next((one for one in found if not one["ok"]), None)
    advice = "where it matters, verify elsewhere, with a public key that was kept there: --key"
    next_step(bad["hint"] if bad else advice, quiet=as_json)
    codes = {int(one["exit_code"]) for one in found if not one["ok"]}
    return 0 if not codes else 3 if 3 in codes else max(codes)


@command.command("write")
@environment_option
@json_option
@click.pass_context
def write(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Write the evidence of ended runs that have none: where a disk was full, or nobody came to do it."""
    from mobius.wiring.evidence import write_evidence

    the_app = app(ctx)
    with addressed(environment):
        written = write_evidence(the_app, the_app.environment(environment).name)
    for one in written:
        facts = {"run": one.run_id, "file": str(one.path), "signed_by": one.signed_by, "why_not": one.why_not}
        signed = f"signed by {one.signed_by}" if one.signed_by else f"UNSIGNED: {one.why_not}"
        as_object = json.dumps({"schema_version": 1, "event": "evidence", **facts}, ensure_ascii=False)
        click.echo(as_object if as_json else f"{one.path}: {signed}")
    next_step(for_environment(environment, "try: mobius evidence verify"), quiet=as_json)
    return 0


def _folder(ctx: click.Context, environment: str | None) -> EvidenceFolder:
    from mobius.wiring.evidence import evidence_folder

    return evidence_folder(app(ctx), environment)


def _newest(folder: EvidenceFolder, run_id: int | None) -> Path:
    found = folder.of_run(run_id) if run_id else next(reversed(folder.files()), None)
    if found is None:
        raise UsageError(
            f"there is no evidence of run {run_id}" if run_id else "there is no evidence yet",
            "it is written when a run ends: mobius evidence write",
        )
    return found


def _checked(path: Path, believed: Sequence[PublicKey], environment: str | None) -> dict[str, Any]:
    """One file, as an object: whether it is believed, by whom it is signed, or what is wrong."""
    from mobius.adapters.evidence.folder import read_file, verify

    facts: dict[str, Any] = {"file": str(path), "ok": False, "run": None, "signed_by": "", "exit_code": 0}
    try:
        return {**facts, **_told(verify(read_file(path), believed)), "ok": True}
    except MobiusError as problem:
        hint = for_environment(environment, problem.hint)
        return {**facts, "finding": problem.message, "hint": hint, "exit_code": problem.exit_code}


def _told(found: Verified) -> dict[str, Any]:
    said = found.statement["predicate"]
    told = {key: said.get(key) for key in ("run", "run_kind", "tag", "environment", "state")}
    audit = said.get("audit")
    head = audit.get("head") if isinstance(audit, dict) else None
    return {**told, "head": str(head or ""), "signed_by": found.signed_by.keyid}


def _hold_against_the_log(
    ctx: click.Context, environment: str | None, found: list[dict[str, Any]], folder: EvidenceFolder
) -> None:
    """What was signed must be in the log of the environment, and what the log says was signed must be there."""
    the_app = app(ctx)
    name = the_app.environment(environment).name
    journal = the_app.journal(name)
    for one in found:
        if one["ok"] and one["environment"] == name:
            try:
                journal.verify_chain(one["head"] or "none")
            except MobiusError as problem:
                hint = for_environment(environment, problem.hint)
                one |= {"ok": False, "finding": problem.message, "hint": hint, "exit_code": 3}
    by_path = {Path(one["file"]).absolute(): one for one in found}
    for event in journal.events(environment=name, kinds=("evidence",)):
        file = folder.folder / Path(str(event.data.get("file") or "none")).name
        why = folder.why_not_as_written(file, str(event.data.get("sha256")))
        if why:
            bad = {
                "ok": False,
                "finding": f"{why} (run {event.data.get('run')})",
                "hint": for_environment(environment, LOOK),
                "exit_code": 3,
            }
            one = by_path.setdefault(file.absolute(), {"file": str(file)})
            one |= bad
            if one not in found:
                found.append(one)


def _line(one: dict[str, Any]) -> str:
    from mobius.report.words import printable

    name = printable(Path(one["file"]).name)
    if not one["ok"]:
        word = "BAD" if one["exit_code"] == 3 else "UNKNOWN"
        return f"{name}: {word}: {printable(str(one['finding']))}"
    what = f"run {one['run']}, {one['run_kind']} {one['tag']} to {one['environment']}, {one['state']}"
    return f"{name}: {printable(what)}; signed by {one['signed_by']}"
