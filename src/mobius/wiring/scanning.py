"""A scan of the project: who is asked, what is written down, and what the service is made of."""

from __future__ import annotations

import json
import uuid
from pathlib import Path, PurePosixPath
from typing import Any

from mobius.adapters.repository import changed_in, files_in, git, moved_since
from mobius.adapters.scanners.calling import content_of
from mobius.adapters.scanners.together import ProjectScanners
from mobius.errors import MobiusError
from mobius.flows.scan import scan
from mobius.model.scan import Package, Scan
from mobius.report.junit import junit
from mobius.report.sbom import cyclonedx
from mobius.report.scan import scan_checks, scan_json, scan_sarif
from mobius.report.words import iso
from mobius.rules.scanning.judging import of_one_checkout
from mobius.rules.scanning.manifests import NPM_LOCKS, manifests, npm_packages
from mobius.rules.scanning.requirements import requirement_packages
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
    ports.artifact(SARIF, as_text(scan_sarif(made)))
    ports.artifact(JUNIT, junit("known vulnerabilities", scan_checks(made), at=made.at))
    ports.artifact(REPORT, as_text(scan_json(made)))
    return made


def write_sbom(app: App, name: str, file: Path) -> int:
    """Writes what the service is made of as CycloneDX; returns how many packages. Raises `MobiusError` where a lock
    file cannot be read."""
    ports, project = app.ports(name, read_only=True), app.settings.project
    packages = packages_of(project, dev=ports.settings.scan.dev)
    document = cyclonedx(
        packages,
        service=ports.service,
        version=git(project, "describe", "--tags", "--always", "--dirty"),
        serial=str(uuid.uuid4()),
        at=iso(ports.clock.now()),
        tool_version=version(),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(as_text(document), encoding="utf-8")
    return len(document["components"])


def packages_of(project: Path, *, dev: bool) -> tuple[Package, ...]:
    """Those of every package-lock.json and requirements file of the project."""
    texts: dict[str, str] = {}
    for path in files_in(project):
        if PurePosixPath(path).name in NPM_LOCKS or path.endswith(".txt"):
            texts[path] = content_of(project / path)
    found: list[Package] = []
    for each in manifests(texts, ("npm", "pip"), dev=dev):
        try:
            read = npm_packages(texts[each.path]) if each.source == "npm" else ()
        except Unread as problem:
            raise MobiusError(f"{each.path} cannot be read: {problem.message}", "write it anew") from problem
        read = read or (requirement_packages(texts[each.path], each.path) if each.source == "pip" else ())
        found += [package for package in read if dev or not package.dev]
    return tuple(found)


def as_text(document: dict[str, Any]) -> str:
    """JSON for a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
