"""What is known of a candidate's pending migrations before they run: their texts, what was found in them, and what a
rehearsal on real data saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mobius.model.impact import ConfigChange
from mobius.model.linting import FileReport, Hazard, Impact


@dataclass(frozen=True, slots=True)
class PendingMigration:
    """One migration that the candidate has and the database has not. `file`: its path in the release. `sha256`: of its
    content, "" where only its own program knows what that is."""

    version: str
    name: str
    file: str
    sha256: str
    sql: str | None = None  # None: only its own tool can run it
    has_down: bool = False
    transactional: bool = True


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A hazard that the text alone raises, and that the facts of the database disprove or make lighter: `because`.
    `becomes`: what it still weighs, None for nothing."""

    file: str
    found: Hazard
    because: str
    becomes: Impact | None = None


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """The backup that going back with the data would take. `proven_at`: when it was restored in a scratch place, unix
    seconds; 0: it was not."""

    name: str
    sha256: str
    seconds: float  # of its restore; 0.0 where it was not measured
    proven_at: float
    created_at: float


@dataclass(frozen=True, slots=True)
class MigrationLook:
    """Everything that was looked at for one candidate. Nothing of it was changed."""

    service: str
    environment: str
    tag: str
    release_id: str
    commit: str
    live_id: str  # "" before the first deployment
    layout: str  # "numbered", "alembic" …; "" where no migrations are configured
    path: str
    database: str  # as `migrations.database` names it
    dialect: str  # "sqlite" or "postgresql"
    pending: tuple[PendingMigration, ...] = ()
    reports: tuple[FileReport, ...] = ()  # of those that are SQL, in their order
    taken_back: tuple[TakenBack, ...] = ()
    config: tuple[ConfigChange, ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()  # what could not be looked at, and the next step
    remarks: tuple[str, ...] = ()
    restore: RestorePoint | None = None
    rehearsal: Mapping[str, Any] | None = (
        None  # `TrialFacts` and the facts around them, of these very migrations
    )
    rehearsed_at: float = 0.0
    rollback_within_s: float = 0.0
    lock_timeout_s: float = 0.0  # that a deployment gives them on PostgreSQL; 0 for none


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the risk is not lower, in one line. `where`: the file it is about, "" for none; `undo`: what to do."""

    impact: Impact
    where: str
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The risk of a candidate's migrations and configuration: the worst of its reasons, which are worst first."""

    impact: Impact
    reasons: tuple[Reason, ...]
    ways: tuple[KnownWay, ...]


@dataclass(frozen=True, slots=True)
class KnownWay:
    """A way back as far as it is known. `state`: "open", "closed", or "not proven"; `why`: the reason for it."""

    way: str
    state: str
    seconds: float  # 0.0: not measured
    loses: str
    why: str = ""
