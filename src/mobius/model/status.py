"""How an environment stands at one moment: what is live, how to go back, who acts, what waits."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.fleet import HostSeen
from mobius.model.plan import Way
from mobius.model.release import Release
from mobius.model.run import RunState


@dataclass(frozen=True, slots=True)
class ReleaseNow:
    """A release as status shows it. `since` 0: never live; `who`: the lead of the run that made it live."""

    id: str
    tag: str
    slot: str = ""
    since: float = 0.0
    who: str = ""
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class ProcessNow:
    """One process as the target sees it. `state`: "running", "backoff", "stopped", "failed"."""

    name: str
    kind: str
    slot: str
    release_id: str
    state: str
    pid: int = 0
    restarts: int = 0
    host: str = ""


@dataclass(frozen=True, slots=True)
class RunNow:
    """The run that is going on, or the last one. `runner_alive` None: could not be seen."""

    id: int
    kind: str
    tag: str
    state: RunState
    started_at: float
    sentence: str = ""
    holder: str = ""
    step: str = ""  # title of the step it is in
    window_deadline: float = 0.0
    ended_at: float = 0.0
    runner_alive: bool | None = None


@dataclass(frozen=True, slots=True)
class WayBackNow:
    """The way back that would be taken now. `proven_at` 0: not proven; `loses` may be "nothing"."""

    way: Way
    to: str  # tag of the release it returns to
    expected_s: float
    loses: str
    proven_at: float = 0.0
    unproven: str = ""  # why it is not, where the schema has moved on since
    instead: str = ""  # the command that leads back where code alone was seen to fail


@dataclass(frozen=True, slots=True)
class BackupNow:
    """The newest backup that can be used. Times in unix seconds, 0 for never."""

    name: str
    created_at: float
    size_bytes: int = 0
    verified_at: float = 0.0
    rehearsed_at: float = 0.0
    restore_s: float = 0.0
    booted: bool = False  # its release ran on the restored copy
    not_proven: str = ""  # why it did not, or could not be tried
    rto_s: float = 0.0
    rpo_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ReleaseAtHand:
    """One release of the list. `way_back`: how `rollback --to` would get there ("live", "warm", "cold", "backup",
    "command"), "" where it cannot; `by` the backup it needs."""

    release: Release
    size_bytes: int
    way_back: str
    expected_s: float = 0.0
    by: str = ""


@dataclass(frozen=True, slots=True)
class FreezeNow:
    """Nothing new begins. `until` 0: until somebody lifts it."""

    who: str
    since: float
    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class DisarmNow:
    """No verdict acts, and nothing is judged, until then: a person said so."""

    who: str
    since: float
    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class IssueNow:
    """What somebody reported of the live release."""

    at: float
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """Everything `mobius status` says. None is "there is none"; what could not be seen is a warning."""

    service: str
    environment: str
    at: float  # unix seconds: when it was looked at
    url: str = ""
    live: ReleaseNow | None = None
    previous: ReleaseNow | None = None
    processes: tuple[ProcessNow, ...] = ()
    hosts: tuple[HostSeen, ...] = ()
    run: RunNow | None = None
    way_back: WayBackNow | None = None
    backup: BackupNow | None = None
    freeze: FreezeNow | None = None
    disarm: DisarmNow | None = None
    issues: tuple[IssueNow, ...] = ()  # of what is live, oldest first
    unsent: int = 0
    oldest_unsent_at: float = 0.0
    warnings: tuple[str, ...] = ()
    next: str = ""  # the command to type next, "" for none
    web: str = ""  # where `mobius serve` answers, "" where it does not
