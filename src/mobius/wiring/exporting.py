"""What an export of an environment has in it, gathered from everywhere; nothing is changed but the archive written."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mobius.adapters.evidence import keys
from mobius.adapters.exporting import facts, packing
from mobius.adapters.exporting.collecting import Collector
from mobius.adapters.exporting.scrub import environment_files, scrubber
from mobius.config.effective import effective
from mobius.errors import MobiusError
from mobius.model.exporting import Contents, Exported
from mobius.model.run import Event
from mobius.model.settings import EnvironmentSettings
from mobius.ports import Journal
from mobius.report import exporting as words
from mobius.report.words import iso
from mobius.wiring.app import App, version
from mobius.wiring.evidence import evidence_folder

EVENTS = 50_000  # of the audit log, the newest
RUNS = 10_000
PAGE = 1000
UNREADABLE = (MobiusError, OSError, ValueError)  # ValueError: UnicodeError, and a name with a NUL
BESIDE = ("runbooks", "notifications", ".github/workflows", "scripts")  # of what mobius init writes


def gather(app: App, name: str, *, with_secrets: bool = False) -> Contents:
    """Everything that an export of this environment has. Reads, and changes nothing."""
    settings, project = app.environment(name), app.settings.project
    scrub = None if with_secrets else scrubber(app.settings, app.environ)
    collector = Collector((project, settings.root, settings.artifact_dir, settings.backup.folder), scrub)
    head = ""
    for what, part in PARTS.items():
        try:
            part(app, settings, collector)
        except UNREADABLE as problem:  # half of an export is better than none, when it says so
            collector.leave_out(what, _why(problem))
    try:
        head = str(app.journal(name).head() or "")
    except UNREADABLE as problem:
        collector.leave_out("the head of the audit log", _why(problem))
    return Contents(tuple(collector.members), tuple(collector.left_out), head, with_secrets)


def _why(problem: Exception) -> str:
    if isinstance(problem, MobiusError):
        return problem.message
    return f"it cannot be read: {getattr(problem, 'strerror', None) or problem or type(problem).__name__}"


def write(app: App, name: str, contents: Contents, out: Path | None, who: str) -> Exported:
    """Writes the archive: to `out`, or to `exports/` beside mobius.toml. Raises `MobiusError` where it cannot."""
    now, service = time.time(), app.settings.service
    if out is None:
        folder = app.settings.project / "exports"
        out = folder / f"{service}_{name}_export_{time.strftime('%Y%m%d_%H%M%S', time.localtime(now))}.zip"
        _ignored_by_git(folder)
    told = {
        "service": service,
        "environment": name,
        "made": iso(now),
        "by": who,
        "tool": f"mobius {version()}",
    }
    readme = words.readme(service, name, iso(now), contents)
    return packing.write(out, contents, told, readme, words.warning(service, who, iso(now)))


def _configuration(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    project = app.settings.project
    if app.settings.file is not None:
        collector.file("configuration/mobius.toml", app.settings.file)
    in_effect = effective(app.settings, [settings.name], origins=True)
    collector.add("configuration/effective.json", _json(_scrubbed(collector, in_effect)))
    collector.file_if_there("configuration/quality-gates.json", project / "quality-gates.json")


def _beside(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    project = app.settings.project
    for folder in BESIDE:
        collector.folder(f"configuration/{folder}", project / folder)
    for template in sorted(project.glob("PR_BODY_TEMPLATE*.md")):
        collector.file(f"configuration/{template.name}", template)


def _environment_files(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    for file in environment_files(app.settings, settings):
        if collector.scrub is None:
            collector.file(f"configuration/environment/{file.name}", file)
        else:
            names = _names_in(file)
            collector.add(
                f"configuration/environment/{file.name}.names.txt", names, source=str(file), note="names only"
            )


def _journal(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    journal, name = app.journal(settings.name), settings.name
    rows: dict[str, list[Any]] = {
        "runs": [_plain(run) for run in journal.runs(name, RUNS)],
        "releases": [_plain(release) for release in journal.releases(name)],
        "backups": [_plain(backup) for backup in journal.backups(name)],
        "events": [_plain(event) for event in _newest(journal)],
    }
    for what, found in rows.items():
        kept = [_event(collector, row) if what == "events" else _scrubbed(collector, row) for row in found]
        note = f"the newest {EVENTS:,}" if what == "events" and len(found) == EVENTS else ""
        collector.add(f"journal/{what}.jsonl", b"".join(_json(row, indent=None) for row in kept), note=note)


def _written(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    project = app.settings.project
    collector.folder("reports", settings.root / "reports")
    collector.folder("artefacts/checks", settings.artifact_dir, tail=True)
    collector.folder("artefacts/quality", project / "logs" / "quality")
    collector.folder("artefacts/monitor_logs", project / "monitor_logs", tail=True)
    collector.file_if_there("artefacts/deployment.log", project / "logs" / "deployment.log", tail=True)


def _beside_backups(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    for pattern in ("*.zip.sha256", "*.rehearsal.json"):
        for file in sorted(settings.backup.folder.glob(pattern)):
            collector.file(f"artefacts/backups/{file.name}", file)


def _sboms(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    places = (app.settings.project, settings.artifact_dir, settings.root / "current")
    for file in sorted({file for place in places for pattern in facts.SBOMS for file in place.glob(pattern)}):
        collector.file(f"dependencies/sbom/{file.name}", file)


def _evidence(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    folder = evidence_folder(app, settings.name)
    for file in folder.files():
        collector.file(f"evidence/{file.name}", file, signed=True)


def _public_keys(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    folder = evidence_folder(app, settings.name)
    public = sorted(keys.public_of(folder.key).parent.glob(f"{folder.key.stem}*.pub"))
    for file in public:
        collector.file(f"evidence/keys/{file.name}", file)


def _facts(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    project = app.settings.project
    found = {
        "git": facts.git_facts(project),
        "dependencies": facts.dependency_facts(project),
        "system": facts.system_facts(),
        "variables": sorted(name for name in app.environ if name.startswith("MOBIUS_")),
    }
    for name, told in found.items():
        collector.add(f"facts/{name}.json", _json(_scrubbed(collector, told)))


def _declared(app: App, settings: EnvironmentSettings, collector: Collector) -> None:
    for file in facts.declared_files(app.settings.project):
        collector.file(f"dependencies/{file.name}", file)


# In this order in the archive. What cannot be gathered is named so, and the rest goes on.
PARTS: Mapping[str, Callable[[App, EnvironmentSettings, Collector], None]] = {
    "configuration": _configuration,
    "runbooks, notifications, workflows and scripts": _beside,
    "environment files": _environment_files,
    "journal": _journal,
    "reports and artefacts": _written,
    "checksums and rehearsals of backups": _beside_backups,
    "SBOMs": _sboms,
    "evidence": _evidence,
    "public keys of evidence": _public_keys,
    "facts": _facts,
    "declared dependencies": _declared,
}


def _newest(journal: Journal) -> list[Event]:
    head = journal.head()
    after = max(0, head.seq - EVENTS) if head else 0
    found: list[Event] = []
    while page := journal.events(after=after, limit=PAGE):
        found += page
        after = page[-1].seq
    return found


def _event(collector: Collector, row: dict[str, Any]) -> dict[str, Any]:
    """Its hashes stay as they are: they are what an export is held against later."""
    return {**_scrubbed(collector, row), "hash": row["hash"], "previous_hash": row["previous_hash"]}


def _scrubbed(collector: Collector, value: Any) -> Any:
    return value if collector.scrub is None else collector.scrub.value(value)


def _names_in(file: Path) -> bytes:
    """The names of its variables, one a line."""
    return "".join(f"{name}\n" for name in _variables(file)).encode()


def _variables(file: Path) -> Iterator[str]:
    try:
        text = file.read_bytes().decode("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        name = line.strip().removeprefix("export ").partition("=")[0].strip()
        if "=" in line and name.isidentifier():
            yield name


def _plain(noun: Any) -> dict[str, Any]:
    return dataclasses.asdict(noun)


def _json(value: Any, *, indent: int | None = 1) -> bytes:
    return (
        json.dumps(value, indent=indent, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
        + b"\n"
    )


def _ignored_by_git(folder: Path) -> None:
    """The folder's own .gitignore: an export is never committed by accident."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError:
        return  # it is told where the archive is written
