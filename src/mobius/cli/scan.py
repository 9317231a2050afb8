"""`mobius scan`: known vulnerabilities, where not knowing is no answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, environment_option, json_option, next_step, width
from mobius.errors import UsageError
from mobius.model.verdict import Outcome

if TYPE_CHECKING:
    from mobius.wiring import App

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("scan")
@environment_option
@click.option(
    "--sbom", type=FILE, metavar="FILE", help="Write what the service is made of as CycloneDX 1.6 instead."
)
@click.option("--sarif", type=FILE, metavar="FILE", help="Also as SARIF 2.1.0.")
@click.option("--junit", type=FILE, metavar="FILE", help="Also as JUnit.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    sbom: Path | None,
    sarif: Path | None,
    junit: Path | None,
    as_json: bool,
) -> int:
    """Ask npm, pip-audit, OSV-Scanner and the SARIF files of others, whatever fits the project.

    Exit 0 when nothing refuses, 3 when a vulnerability does, 4 when a source gave no answer that can be believed: no
    network, no tool, no data, old data. A [[scan.waiver]] with a name, a reason and a last day answers for that, or for
    one vulnerability. Without -e the settings are those of production. Writes scan.json, scan.sarif and scan.xml.
    """
    if sbom is not None and (sarif or junit):
        raise UsageError(
            "--sbom writes what the service is made of, and asks nobody", "scan by itself: mobius scan"
        )
    the_app = app(ctx)
    name = environment_of(the_app, environment)
    if sbom is not None:
        return _sbom(the_app, name, sbom, as_json)
    from mobius.report.junit import junit as as_junit
    from mobius.report.scan import scan_checks, scan_json, scan_outcome, scan_sarif, scan_text
    from mobius.wiring.scanning import as_text, scan_project

    for file in (sarif, junit):
        if file is not None:
            _forget(file)
            file.parent.mkdir(parents=True, exist_ok=True)
    made = scan_project(the_app, name)
    redact = the_app.ports(name, read_only=True).redact
    if sarif is not None:
        sarif.write_text(redact(as_text(scan_sarif(made))), encoding="utf-8")
    if junit is not None:
        text = as_junit("known vulnerabilities", scan_checks(made), at=made.at)
        junit.write_text(redact(text), encoding="utf-8")
    click.echo(
        redact(json.dumps(scan_json(made), ensure_ascii=False) if as_json else scan_text(made, width()))
    )
    outcome = scan_outcome(made)
    if outcome is not Outcome.PASS:
        next_step(
            "cure these, or answer for one by name: [[scan.waiver]] in mobius.toml; then: mobius scan",
            quiet=as_json,
        )
    return CODES.get(outcome, 4)


def environment_of(the_app: App, name: str | None) -> str:
    """The named one, else production, else the only one."""
    if name is None and "production" in the_app.environments:
        return "production"
    return the_app.environment(name).name


def _forget(file: Path) -> None:
    """What an earlier scan wrote there answers nothing. A device, a pipe or a link (/dev/stdout) stays what it is."""
    if file.is_file() and not file.is_symlink():
        file.unlink()


def _sbom(the_app: App, name: str, file: Path, as_json: bool) -> int:
    from mobius.report.words import printable
    from mobius.wiring.scanning import write_sbom

    _forget(file)
    count, left_out = write_sbom(the_app, name, file)
    if as_json:
        facts = {"file": str(file), "packages": count, "left_out": list(left_out)}
        click.echo(json.dumps({"schema_version": 1, "event": "sbom", **facts}))
    else:
        click.echo(f"{file}: {count} package(s), CycloneDX 1.6")
        for each in left_out:
            click.echo(f"  not in it: {printable(each)}")
    next_step("ask about them: mobius scan", quiet=as_json)
    return 0
