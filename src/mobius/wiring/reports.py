"""The report of one run: made from the journal, and written beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.report.html import run_html
from mobius.report.run import run_report

if TYPE_CHECKING:
    from mobius.wiring.app import App


def made(app: App, name: str | None, run_id: int) -> dict[str, Any]:
    """As JSON types only."""
    journal, settings = app.journal(name), app.environment(name)
    run = journal.run(run_id)
    current, previous = app.ports(name, read_only=True).releases.current()
    return run_report(
        run,
        journal.steps(run_id),
        journal.events(run_id=run_id),
        journal.samples(run_id),
        policy=settings.policy if settings.policy.name == run.plan.facts.get("policy") else None,
        version_markers={"current": current, "previous": previous},
    )


def written(app: App, name: str | None, run_id: int, page: Path | None) -> Path:
    """Its JSON and its page, which is returned."""
    report, folder = made(app, name, run_id), app.environment(name).root / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"run-{run_id}.json").write_text(
        json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    target = page or folder / f"run-{run_id}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(run_html(report, app.journal(name).samples(run_id)), encoding="utf-8")
    return target
