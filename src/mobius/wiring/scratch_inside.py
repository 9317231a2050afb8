"""The program inside a scratch place: deploys this checkout there as any release is deployed, looks at it, backs it up,
and writes down what it saw. `python -m mobius.wiring.scratch_inside SETTINGS ENVIRONMENT TAG WATCH_S BACKUP OUT`."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mobius.adapters.snapshot import load_settings
from mobius.errors import MobiusError
from mobius.host.client import HostClient, HostRefused, HostUnavailable
from mobius.model.run import RunState
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports
from mobius.report.live import LiveText
from mobius.wiring.app import App

LOOK_EVERY_S = 0.5
LOG_LINES = 20


def main(words: list[str]) -> int:
    """Exit 0 where it was seen, whatever came of it; what was seen is in OUT, whole or not at all."""
    settings, name, tag, watch_s, backed_up, out = words
    app = App(load_settings(Path(settings)), dict(os.environ))
    try:
        seen = _seen(app, name, tag, float(watch_s), backed_up=bool(backed_up))
    except MobiusError as problem:
        outcome = Outcome.FAIL if problem.exit_code in (1, 3) else Outcome.ERROR
        seen = {"outcome": outcome, "sentence": str(problem), "advice": problem.hint}
    finally:
        try:
            HostClient(app.environment(name).root, timeout_s=20.0).shutdown(stop_slots=True)
        except (HostUnavailable, HostRefused):
            pass
    written = Path(f"{out}.new")
    written.write_text(json.dumps(seen, ensure_ascii=False), encoding="utf-8")
    written.replace(out)
    return 0


def _seen(app: App, name: str, tag: str, watch_s: float, *, backed_up: bool) -> dict[str, Any]:
    run = app.deploy(name, tag, detach=True, viewer=LiveText(sys.stdout, width=100, tell_next=False))
    ports = app.ports(name, read_only=True)
    if run.state is not RunState.OBSERVING:
        return {
            "outcome": Outcome.FAIL,
            "sentence": f"it was not deployed: {_why(ports, run.id)}",
            "smoke": _smoke_of(ports, run.id),
            "log": _logs(ports.settings.root)[-LOG_LINES:],
        }
    smoke = app.smoke(name)
    looks = _looks(ports, watch_s)
    made = str(app.create_backup(name, progress=print).path) if backed_up else ""
    bad = [look for look in looks if look["outcome"] != "PASS"]
    return {
        "outcome": Outcome.FAIL if bad else Outcome.PASS,
        "sentence": f"{len(bad)} of {len(looks)} looks at its health were not good" if bad else "",
        "release": run.plan.release_id,
        "smoke": [_told(result) for result in smoke],
        "looks": looks,
        "backup": made,
        "log": _logs(ports.settings.root)[-LOG_LINES:],
    }


def _looks(ports: Ports, watch_s: float) -> list[dict[str, Any]]:
    """Its health, again and again."""
    found = []
    until = time.monotonic() + watch_s
    while True:
        look = ports.checks.health(ports.settings.url)
        found.append({"at": time.time(), **_told(look)})
        if time.monotonic() >= until:
            return found
        time.sleep(LOOK_EVERY_S)


def _why(ports: Ports, run_id: int) -> str:
    """The last thing that its events give as a reason."""
    for event in reversed(ports.journal.events(run_id=run_id)):
        reason = event.data.get("reason") or event.data.get("sentence")
        if reason:
            return str(reason)
    return "its run ended before the window"


def _smoke_of(ports: Ports, run_id: int) -> list[dict[str, Any]]:
    """The smoke tests of a deployment that was taken back, as its events have them."""
    for event in reversed(ports.journal.events(run_id=run_id)):
        if event.kind == "smoke" and event.data.get("results"):
            return [dict(result) for result in event.data["results"]]
    return []


def _told(result: CheckResult) -> dict[str, Any]:
    return {**asdict(result), "outcome": str(result.outcome)}


def _logs(root: Path) -> list[str]:
    lines: list[str] = []
    for file in sorted(root.glob("run/*/*.log")):
        lines += file.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
