"""A scan of the project: who is asked, what is written down, and what the service is made of."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.adapters.repository import changed_in, git, moved_since
from mobius.adapters.scanners.calling import content_of
from mobius.adapters.scanners.together import ProjectScanners, manifests_of
from mobius.errors import MobiusError
from mobius.flows.scan import scan
from mobius.model.scan import Package, Scan
from mobius.report.junit import junit
from mobius.report.sbom import cyclonedx
from mobius.report.scan import scan_checks, scan_json, scan_sarif
from mobius.report.words import iso
from mobius.rules.scanning.judging import of_one_checkout
from mobius.rules.scanning.npm_locks import npm_packages
from mobius.rules.scanning.requirements import includes_others, requirement_packages
from mobius.rules.scanning.shapes import Unread
from mobius.wiring.app import App, version

REPORT, SARIF, JUNIT = "scan.json", "scan.sarif", "scan.xml"


def scan_project(app: App, name: str) -> Scan:
    """Asks every source, and writes `scan.json`, `scan.sarif` and `scan.xml` among the artefacts; what an earlier scan
    left there goes first, so that a scan that is killed leaves no answer."""
    ports, project = app.ports(name, read_only=True), app.settings.project
    for file in (REPORT, SARIF, JUNIT):
        (ports.settings.artifact_dir / file).unlink(missing_ok=True)
    commit = git(project, "rev-parse", "HEAD")
    scanners = ProjectScanners(ports.settings.scan, project, commit, app.environ, ports.redact)
    made = scan(
        scanners,
        ports.settings.scan,
        service=ports.service,
        environment=name,
        commit=commit,
        dirty=bool(changed_in(project)),
        at=ports.clock.now(),
    )
    made = of_one_checkout(made, moved_since(project, commit), dirty=bool(changed_in(project)))
    made = replace(made, remarks=(*made.remarks, *_not_in_git(made, project)))
    ports.artifact(SARIF, as_text(scan_sarif(made)))
    ports.artifact(JUNIT, junit("known vulnerabilities", scan_checks(made), at=made.at))
    ports.artifact(REPORT, as_text(scan_json(made)))
    return made


def _not_in_git(made: Scan, project: Path) -> list[str]:
    """The files that were asked about and that no commit has, each in a sentence."""
    asked = [
        path for each in made.sources if each.source in ("npm", "pip", "osv") for path in each.of.split(", ")
    ]
    paths = [path for path in asked if path]
    found = (
        git(project, "ls-files", "--others", "-z", "--", *paths).split("\0") if made.commit and paths else []
    )
    return [
        f"{path} is not in git: what is released from a commit does not have it" for path in found if path
    ]


def write_sbom(app: App, name: str, file: Path) -> tuple[int, tuple[str, ...]]:
    """Writes what the service is made of as CycloneDX; returns how many packages, and what is left out, each with why:
    then the document says that it is incomplete. Raises `MobiusError` where a lock file cannot be read."""
    ports, project = app.ports(name, read_only=True), app.settings.project
    packages, left_out = packages_of(project, dev=ports.settings.scan.dev)
    document = cyclonedx(
        packages,
        service=ports.service,
        version=git(project, "describe", "--tags", "--always", "--dirty"),
        serial=str(uuid.uuid4()),
        at=iso(ports.clock.now()),
        tool_version=version(),
        is_whole=not left_out,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(as_text(document), encoding="utf-8")
    return len(document["components"]), left_out


def packages_of(project: Path, *, dev: bool) -> tuple[tuple[Package, ...], tuple[str, ...]]:
    """(those of every package-lock.json and requirements file of the project, what cannot be read here, with why)."""
    found: list[Package] = []
    left_out: list[str] = []
    for each in manifests_of(project, (), dev=dev):
        if each.doubt is not None or each.source not in ("npm", "pip"):
            why = (
                each.doubt.why
                if each.doubt
                else "only package-lock.json and requirements files are read for this"
            )
            left_out.append(f"{each.path}: {why}")
            continue
        try:
            text = content_of(project / each.path)
            read = npm_packages(text) if each.source == "npm" else requirement_packages(text, each.path)
        except Unread as problem:
            raise MobiusError(f"{each.path} cannot be read: {problem.message}", "write it anew") from problem
        found += [package for package in read if dev or not package.dev]
        if each.source == "pip" and includes_others(text):
            left_out.append(f"{each.path}: what the files hold that it names")
    return tuple(found), tuple(left_out)


def as_text(document: dict[str, Any]) -> str:
    """JSON for a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
