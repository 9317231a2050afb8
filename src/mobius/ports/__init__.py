"""The ports: what flows ask of the outside world, every promise written on the method.

Adapters implement them; each kind has a memory adapter, and one contract suite in `tests/adapters/contracts`
holds every adapter to their words. All methods are synchronous; what needs concurrency keeps it inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobius.model.baseline import Baseline
from mobius.model.loss import Comparison as Comparison
from mobius.model.loss import LostRow as LostRow
from mobius.model.release import Release
from mobius.model.run import Holder
from mobius.model.seen import CommandSeen as CommandSeen
from mobius.model.seen import Counters as Counters
from mobius.model.seen import Migration as Migration
from mobius.model.seen import Note as Note
from mobius.model.seen import ProcessStatus as ProcessStatus
from mobius.model.seen import Source as Source
from mobius.model.seen import Switched as Switched
from mobius.model.settings import EnvironmentSettings
from mobius.model.stored import Created as Created
from mobius.model.stored import Stored as Stored
from mobius.model.verdict import CheckResult
from mobius.ports.forge import Forge as Forge
from mobius.ports.keeping import Backups as Backups
from mobius.ports.keeping import Migrations as Migrations
from mobius.ports.keeping import NameTaken as NameTaken
from mobius.ports.keeping import NotAllTold as NotAllTold
from mobius.ports.keeping import NotStored as NotStored
from mobius.ports.keeping import Store as Store
from mobius.ports.looking import Around as Around
from mobius.ports.looking import Checks as Checks
from mobius.ports.looking import Gauge as Gauge
from mobius.ports.looking import GaugeMaker as GaugeMaker
from mobius.ports.looking import NothingYet as NothingYet
from mobius.ports.looking import Signals as Signals
from mobius.ports.looking import Unread as Unread
from mobius.ports.measuring import Executor as Executor
from mobius.ports.recording import Clock as Clock
from mobius.ports.recording import Journal as Journal
from mobius.ports.recording import Lock as Lock
from mobius.ports.recording import NoSpool as NoSpool
from mobius.ports.recording import Spool as Spool
from mobius.ports.serving import CommandLost as CommandLost
from mobius.ports.serving import Commands as Commands
from mobius.ports.serving import CountsPartial as CountsPartial
from mobius.ports.serving import Launcher as Launcher
from mobius.ports.serving import Releases as Releases
from mobius.ports.serving import Target as Target
from mobius.ports.serving import Traffic as Traffic


def nothing_counted(release_id: str, until: float) -> Mapping[str, Baseline]:
    """Where nobody counts requests all along."""
    return {}


def nothing_measured(release_id: str, until: float) -> Mapping[str, tuple[float, ...]]:
    """Where nobody measures what releases use."""
    return {}


def not_logged(opened_at: float, line: str, figures: Mapping[str, Any]) -> None:
    """Where nobody keeps what each look of a window saw."""


def not_reported(suite: str, results: Sequence[CheckResult], at: float) -> None:
    """Where nobody keeps reports of quality."""


def no_stages(new: Release, before: Release) -> Signals:
    """Where traffic cannot be shared out between two releases."""
    raise NotImplementedError(f"{new.id} and {before.id} are never live together here")


def nothing_required(source: Source) -> tuple[CheckResult, ...]:
    """Where a deployment does not ask whether the release is ready."""
    return ()


def nothing_to_note() -> None:
    """Where the supervisor notes everything itself."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a flow may touch of one environment."""

    settings: EnvironmentSettings
    service: str
    clock: Clock
    journal: Journal
    lock: Lock
    releases: Releases
    target: Target
    traffic: Traffic
    signals: Callable[[Release], Signals]  # for the release that is being watched
    checks: Checks
    backups: Backups
    migrations: Migrations | None
    launcher: Launcher
    holder: Callable[[], Holder]
    redact: Callable[[str], str]
    deployment_log: Callable[[str], None]  # one line to logs/deployment.log
    artifact: Callable[[str, str], Path]  # (name, text) to ARTIFACT_DIR
    commands: Commands | None = None  # where somebody else deploys: `target` is command or observe
    # by signal, what was counted of a release before a unix time
    baselines: Callable[[str, float], Mapping[str, Baseline]] = nothing_counted
    # by signal ("cpu", "gauge:queue"), what was measured of a release before a unix time, oldest first; what was noted
    # of "cpu", "memory" and "fds" outside windows stands for half a minute a value
    gauges: Callable[[str, float], Mapping[str, tuple[float, ...]]] = nothing_measured
    # writes down what the live release does, for those two; to be called all the time; never raises
    note_usual: Callable[[], None] = nothing_to_note
    # (when the window opened, a line, its figures) to monitor_logs/; never raises
    monitor_log: Callable[[float, str, Mapping[str, Any]], None] = not_logged
    # (name of the suite, its checks, unix seconds) to logs/quality; never raises
    quality_report: Callable[[str, Sequence[CheckResult], float], None] = not_reported
    # whether each `[[signal]]` can be read: one that cannot is told, and stops a deployment where it is required
    look_at_signals: Callable[[], tuple[CheckResult, ...]] = tuple
    # the same in a stage of a canary: of the new release itself, and what the one before answers meanwhile
    signals_beside: Callable[[Release, Release], Signals] = no_stages
    # whether a release is ready, where a deployment asks that: `mobius ready` as one check. Never raises
    ready: Callable[[Source], tuple[CheckResult, ...]] = nothing_required
    # raises `UsageError` where what this environment runs is on another machine, which alone may change it
    refuse_elsewhere: Callable[[], None] = nothing_to_note
    # where a way back is written down that no journal can be told of
    spool: Spool = field(default_factory=NoSpool)
    store: Store | None = None  # where copies of backups go; None where `store.url` is not set


def nothing(_: str) -> None:
    """A progress that nobody looks at."""
