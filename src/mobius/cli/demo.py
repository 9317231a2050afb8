"""`mobius demo`: deploys three releases of a small service under live load; the third turns bad and comes back."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.context import color, json_option, plain_option, tty, width
from mobius.errors import MobiusError
from mobius.model.run import Run, RunState

if TYPE_CHECKING:
    from mobius.adapters.load_report import Failure, LoadReport
    from mobius.model.run import Event
    from mobius.wiring import App, Viewer

MOST_NAMED = 10  # lost requests that the summary describes
RTT_MS = 40.0  # on bare loopback a switch that loses requests loses almost none


@click.command("demo")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Leave the project there."
)
@json_option
@plain_option
@click.pass_context
def command(ctx: click.Context, keep: Path | None, as_json: bool, plain: bool) -> int:
    """Deploy v1, v2 (with a migration) and v3 (which turns bad) under load, and watch v3 come back by itself.

    Needs no root, no network, no Docker. Takes about a minute.
    """
    folder = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="mobius-demo-"))
    lay_out(folder)
    from mobius.wiring import open_app

    the_app = open_app(folder, environ=_environ(ctx))
    show = _Show(as_json=as_json, plain=plain)
    try:
        told = run_demo(the_app, show)
    finally:
        _stop(the_app)
    show.summary(told, folder, kept=keep is not None)
    if keep is None and not told["rolled_back"]:
        show.note(f"left for you to look at: {folder}")
    elif keep is None:
        _keep_only_the_report(folder)
    return 0 if told["rolled_back"] and told["failed_requests"] == 0 else 1


def run_demo(the_app: App, show: _Show) -> dict[str, Any]:
    """The story itself; returns its summary."""
    from mobius.adapters.load import Load, echoes_the_body

    settings = the_app.environment("production")
    show.note(
        f"policy {settings.policy.name}, one look every {settings.monitor.interval_s:g} s, "
        f"window {settings.window_s:g} s; load over an emulated {RTT_MS:g} ms round trip"
    )
    show.title("v1: the first release")
    the_app.deploy("production", "v1", detach=True, viewer=show.viewer())
    load = Load(
        settings.url, paths=("/notes",), post_paths=("/notes",), slow_path="/slow", rtt_ms=RTT_MS, rate=250.0,
        keepalive=20, fresh=5, validate=echoes_the_body,
    )  # fmt: skip
    load.start()
    try:
        show.title("v2: adds a column, under load")
        the_app.deploy("production", "v2", viewer=show.viewer())
        show.title("v3: starts well, then every second request fails")
        bad = the_app.deploy("production", "v3", viewer=show.viewer())
        _let_the_load_settle(load.snapshot, "v2")
    finally:
        report = load.stop()
    return _summary(the_app, bad, report)


def lay_out(folder: Path) -> None:
    """Writes the demo's project into a folder, with a free port. Raises `MobiusError` where one is in the way."""
    if folder.exists() and any(folder.iterdir()):
        raise MobiusError(f"{folder} is not empty", "name a new folder: mobius demo --keep DIR")
    shutil.copytree(
        _example(), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".mobius", "backups", "*logs")
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "mobius.toml"
    text = config.read_text(encoding="utf-8").replace("127.0.0.1:5001", f"127.0.0.1:{port}")
    text = text.replace('start = ["python3",', f"start = [{json.dumps(sys.executable)},")
    config.write_text(text, encoding="utf-8")


def _example() -> Path:
    """In a checkout beside `src`, in an installation inside the package."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "examples" / "notes", package.parents[1] / "examples" / "notes"):
        if place.is_dir():
            return place
    raise MobiusError(
        "the demo's example is not part of this installation", "run it from a checkout: make demo"
    )


def _let_the_load_settle(snapshot: Any, release: str) -> None:
    """A second of good answers from what is live again, so that the table also shows the time after."""
    seen = snapshot().by_release.get(release, 0)
    until = time.monotonic() + 10
    while time.monotonic() < until and snapshot().by_release.get(release, 0) < seen + 200:
        time.sleep(0.1)


def _summary(the_app: App, bad: Run, report: LoadReport) -> dict[str, Any]:
    journal = the_app.journal("production")
    events = journal.events(run_id=bad.id)
    turned_bad = next(
        (f.at_s for f in sorted(report.failures, key=lambda f: f.at_s) if f.release == "v3"), None
    )
    decided = next((e.at for e in events if e.kind == "rollback begun"), None)
    back = next((e.at for e in events if e.kind == "switched" and decided and e.at >= decided), None)
    switches = [e for e in journal.events(environment="production") if e.kind == "switched"]
    status = the_app.status("production")
    return {
        "event": "demo_summary",
        "schema_version": 1,
        "requests": report.requests,
        "failed_requests": len(report.lost),
        "lost": [_lost(each, report, switches) for each in report.lost[:MOST_NAMED]],
        "errors_from_bad_release": report.errors_by_release.get("v3", 0),
        "switches": len(switches),
        "detected_s": _between(report.unix_s(turned_bad) if turned_bad else None, decided),
        "rolled_back": bad.state is RunState.ROLLED_BACK,
        "rollback_s": _between(decided, back),
        "live": status.live.tag if status.live else "",
        "report": str(the_app.write_report("production", bad.id, None)),
    }


def _lost(failure: Failure, report: LoadReport, switches: Sequence[Event]) -> dict[str, Any]:
    """One request that nobody answered well, and how long after the last switch it was sent."""
    sent = report.unix_s(failure.started_s)
    before = [each.at for each in switches if each.at <= sent]
    return {
        "request": f"{failure.method} {failure.path}",
        "kind": str(failure.kind),
        "detail": failure.detail,
        "sent_at": round(sent, 3),
        "after_switch_s": round(sent - max(before), 3) if before else None,
        "took_s": round(failure.at_s - failure.started_s, 3),
    }


def _between(since: float | None, until: float | None) -> float | None:
    return None if since is None or until is None else round(max(0.0, until - since), 3)


def _environ(ctx: click.Context) -> dict[str, str]:
    """The demo's own settings hold, whatever the shell says about the user's service."""
    ours = ("MONITOR_", "AUTO_ROLLBACK", "API_BASE_URL", "ARTIFACT_DIR", "BACKUP_", "RELEASE_TAG", "MOBIUS_")
    environ = ctx.ensure_object(dict).get("environ", {})
    return {name: value for name, value in environ.items() if not name.startswith(ours)}


def _stop(the_app: App) -> None:
    from mobius.host.client import HostClient, HostUnavailable

    client = HostClient(the_app.environment("production").root)
    try:
        client.shutdown(stop_slots=True)
    except HostUnavailable:
        return


def _keep_only_the_report(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name != ".mobius":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


@dataclass(frozen=True, slots=True)
class _Show:
    """How the demo speaks: live text on a terminal, lines in a pipe, NDJSON with --json."""

    as_json: bool
    plain: bool

    def viewer(self) -> Viewer:
        from mobius.report.live import LiveText
        from mobius.report.live_json import LiveJson

        if self.as_json:
            return LiveJson(sys.stdout)
        return LiveText(
            sys.stdout, color=color(self.plain), tty=tty(self.plain), width=width(), tell_next=False
        )

    def title(self, words: str) -> None:
        if not self.as_json:
            click.secho(f"\n{words}", bold=True, color=color(self.plain))

    def note(self, words: str) -> None:
        click.echo(words, err=self.as_json)

    def summary(self, told: dict[str, Any], folder: Path, *, kept: bool) -> None:
        if self.as_json:
            click.echo(json.dumps(told))
            return
        rows = [
            ("requests", f"{told['requests']:,}"),
            ("failed because of a switch", f"{told['failed_requests']} in {told['switches']} switches"),
            ("errors answered by v3", f"{told['errors_from_bad_release']:,}"),
            ("detected after", _seconds(told["detected_s"])),
            ("traffic back after", _seconds(told["rollback_s"])),
            ("live now", told["live"]),
            ("report", told["report"]),
        ]
        self.title("What happened")
        for name, value in rows:
            click.echo(f"  {name:<28}{value}")
        for each in told["lost"]:
            click.echo(f"  lost: {_told_of(each)}")
        click.echo(
            f"\nthe project is in {folder}" if kept else "\nsee it as a project: mobius demo --keep DIR"
        )


def _told_of(lost: dict[str, Any]) -> str:
    when = (
        "before any switch"
        if lost["after_switch_s"] is None
        else f"{lost['after_switch_s']:.1f} s after a switch"
    )
    return f"{lost['request']}, sent {when}: {lost['kind']} after {lost['took_s']:.1f} s ({lost['detail']})"


def _seconds(value: float | None) -> str:
    return "not at all" if value is None else f"{value:.2f} s"
