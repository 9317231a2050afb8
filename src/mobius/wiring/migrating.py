"""A candidate's migrations, looked at and rehearsed: what reads them, and where what is said of them goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mobius.adapters.migrations.layouts import detect
from mobius.adapters.migrations.live import LiveMigrations, as_read
from mobius.errors import GateUnknown
from mobius.flows.migrate import Reading, look_at_migrations, rehearse_migrations
from mobius.model.impact import ConfigChange
from mobius.model.linting import Dialect
from mobius.model.migrating import MigrationLook, PendingMigration
from mobius.ports import Ports
from mobius.report.migrating import PLAN, REHEARSAL, migration_report, migration_sarif
from mobius.report.migrating_html import migration_html
from mobius.report.migrating_text import migration_text
from mobius.rules.migrating import weigh
from mobius.wiring.app import App
from mobius.wiring.impact import changes_of

LOG = "migrate-dryrun.log"
LOG_COLUMNS = 100


def look(app: App, name: str | None, tag: str) -> MigrationLook:
    """Everything that can be known of `tag` before anything runs. Raises `UsageError` for an unknown tag."""
    ports = app.ports(name, read_only=True)

    def config_changes() -> tuple[ConfigChange, ...]:
        return changes_of(app, name, tag)[1]

    return look_at_migrations(tag, ports, _reading(ports), config_changes)


def rehearse(app: App, seen: MigrationLook, *, progress: Callable[[str], None], **how: Any) -> MigrationLook:
    """What `mobius.flows.migrate.rehearse_migrations` says, with the same words."""
    return rehearse_migrations(seen, app.ports(seen.environment), progress=progress, **how)


def document(app: App, seen: MigrationLook, *, rehearsed: bool) -> dict[str, Any]:
    """The report, secrets taken out; its text is `migrate-dryrun.log` among the artifacts. What was rehearsed is kept
    as a page and as JSON in `reports/`, too."""
    ports = app.ports(seen.environment, read_only=True)
    kind = REHEARSAL if rehearsed else PLAN
    made = migration_report(seen, weigh(seen), kind=kind, at=ports.clock.now())
    report: dict[str, Any] = _redacted(made, ports.redact)
    ports.artifact(LOG, migration_text(report, LOG_COLUMNS, whole=True) + "\n")
    if rehearsed and seen.rehearsal is not None:
        folder = ports.settings.root / "reports"
        folder.mkdir(parents=True, exist_ok=True)
        report["page"] = str(folder / f"migrations-{seen.release_id}.html")
        Path(report["page"]).write_text(migration_html(report), encoding="utf-8")
        kept = json.dumps(report, ensure_ascii=False, indent=1)
        Path(report["page"]).with_suffix(".json").write_text(kept, encoding="utf-8")
    return report


def sarif(app: App, seen: MigrationLook) -> dict[str, Any]:
    """The findings for a code review, secrets taken out."""
    told: dict[str, Any] = _redacted(
        migration_sarif(seen), app.ports(seen.environment, read_only=True).redact
    )
    return told


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(inside, redact) for key, inside in value.items()}
    return [_redacted(inside, redact) for inside in value] if isinstance(value, list | tuple) else value


def _reading(ports: Ports) -> Reading | None:
    """None where no migrations are configured, or somebody else runs them."""
    live, settings = ports.migrations, ports.settings.migrations
    if settings is None or not isinstance(live, LiveMigrations):
        return None
    on_server = {database.name for database in ports.settings.databases}
    dialect: Dialect = "postgresql" if settings.database in on_server else "sqlite"

    def pending(folder: Path) -> tuple[str, Sequence[PendingMigration]]:
        if not folder.is_dir() or not any(folder.iterdir()):
            raise GateUnknown(
                f"the release has nothing in {settings.path}, where its migrations should be",
                "set migrations.path to the folder in the release that holds them",
            )
        changes = live.source.pending(folder, live.target())
        layout = live.source.layout
        return _named(folder) if layout == "sql" else layout, [as_read(each, folder) for each in changes]

    return Reading(live.source.layout, dialect, pending)


def _named(folder: Path) -> str:
    found = detect(folder)
    return found.name if found else "sql"
