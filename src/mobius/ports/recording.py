"""What keeps the record and the order: clock, journal, lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from mobius.errors import MobiusError
from mobius.model.audit import Head
from mobius.model.emergency import Epoch, Spooled
from mobius.model.plan import Plan, Step
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.model.run import Event, Holder, OutboxRow, Run, RunState, StepRecord
from mobius.model.sample import Sample
from mobius.model.seen import Note


class Clock(Protocol):
    """Time, so that judgement and tests need not wait for it."""

    def now(self) -> float:
        """Unix seconds. May jump in either direction when somebody sets the clock."""

    def monotonic(self) -> float:
        """Seconds that never go backwards; only differences mean anything."""

    def wait(self, seconds: float) -> None:
        """Returns after `seconds`; may return earlier when the process is asked to stop."""


class Journal(Protocol):
    """The record of everything: runs, steps, events, samples, releases, backups, outbox.

    Every writing method is one transaction: it is wholly there or not at all after a kill -9 or a full disk.
    Methods that take a `Run` check its fencing token in the same transaction and raise `Fenced` when a newer
    run has taken over. Reading methods never change anything and may be called by any process at any time.
    Raises `MobiusError` when the journal cannot be written or is damaged, with what to do.
    """

    def open_run(self, environment: str, plan: Plan, *, lead: str, holder: Holder, now: float) -> Run:
        """Writes a new run in state QUEUED with a token higher than every one before.

        A run that is only observing, or waits for a person, is preempted: it becomes SUPERSEDED in the same
        transaction. Raises `Locked` naming the holder when another run is QUEUED, RUNNING or ROLLING_BACK.
        """

    def take_over(self, run: Run, *, holder: Holder, now: float) -> Run:
        """The same run with a fresh, higher token, for a runner that starts or restarts it. Raises `Fenced`
        when another run of the environment has a higher token and is not ended."""

    def move(self, run: Run, state: RunState, note: Note, *, now: float, **changes: Any) -> Run:
        """Changes the state, and any of exit_code, sentence, window_opened_at, window_deadline; one event."""

    def begin(self, run: Run, step: Step, *, now: float) -> StepRecord:
        """Writes `begun` (a new attempt if there was one) and its event, before the effect."""

    def done(self, run: Run, step: Step, result: Mapping[str, Any], *, now: float) -> StepRecord:
        """Writes `done` and its event after the effect. Calling it twice keeps the first."""

    def failed(self, run: Run, step: Step, reason: str, *, now: float) -> StepRecord:
        """Writes that the last attempt failed, with its event."""

    def say(self, run: Run | None, environment: str, note: Note, *, now: float, who: str = "") -> Event:
        """Appends one event (and its outbox row when it has a topic)."""

    def add_samples(self, run: Run, samples: Sequence[Sample]) -> None:
        """Appends samples of the open window."""

    def put_release(self, environment: str, release: Release) -> None:
        """Adds or replaces the release with this id."""

    def mark_live(
        self, run: Run, release_id: str, *, previous_id: str, failed_id: str, slot: str, now: float
    ) -> None:
        """In one transaction: `release_id` is LIVE, `previous_id` (if any) PREVIOUS, `failed_id` (if any)
        FAILED, and whatever else was live or previous RETIRED. Repeating it changes nothing."""

    def set_release_state(
        self, environment: str, release_id: str, state: ReleaseState, *, accepted: bool
    ) -> None:
        """Changes one release; unknown ids are ignored."""

    def put_backup(self, environment: str, backup: BackupRecord) -> None:
        """Adds or replaces the backup with this name."""

    def adopt(self, spooled: Spooled, *, now: float, who: str = "") -> Run | None:
        """Takes in what was done without it, in one transaction: the run with its events, with a token above all
        before, over whatever was active. What it has already stays as it is; returns the run as it stands. None where
        other runs have acted with a higher token since: then it is kept as one event, and changes nothing."""

    def token(self, environment: str) -> int:
        """The highest fencing token that was given in the environment, 0 where none was."""

    def raise_token(
        self, environment: str, epoch: Epoch, *, now: float, who: str = "", reason: str = ""
    ) -> bool:
        """From here on every token of the environment is above this one. Whether that had to be raised. `reason`:
        why a person said so."""

    def is_writable(self) -> bool:
        """Whether it could be written now, as far as can be seen without writing. Never raises."""

    def run(self, run_id: int) -> Run:
        """The run. Raises `UsageError` when there is none."""

    def runs(self, environment: str, limit: int = 50) -> tuple[Run, ...]:
        """Newest first."""

    def active_run(self, environment: str) -> Run | None:
        """The one run that is not ended, if any."""

    def steps(self, run_id: int) -> tuple[StepRecord, ...]:
        """The last attempt of every step, in the order they were first begun."""

    def events(
        self,
        *,
        environment: str = "",
        run_id: int = 0,
        after: int = 0,
        limit: int = 10000,
        kinds: Sequence[str] = (),
    ) -> tuple[Event, ...]:
        """Oldest first, with seq > `after`, of these kinds where some are named."""

    def last_event(self, environment: str, kinds: Sequence[str]) -> Event | None:
        """The newest event of one of these kinds, of any run or of none."""

    def samples(self, run_id: int, *, since: float = 0.0) -> tuple[Sample, ...]:
        """Oldest first."""

    def releases(self, environment: str) -> tuple[Release, ...]:
        """Newest staged first."""

    def backups(self, environment: str) -> tuple[BackupRecord, ...]:
        """Newest first."""

    def outbox(self, *, unsent_only: bool = True) -> tuple[OutboxRow, ...]:
        """Oldest first."""

    def mark_sent(self, row_id: int, *, now: float, error: str = "") -> None:
        """Writes one more attempt at this row; without an error it is sent."""

    def verify_chain(self, head: str = "") -> tuple[int, str]:
        """Recomputes the hash chain of all events: (how many, the head). Raises `MobiusError` naming the
        first event that was changed, removed or reordered, or when `head` (seen earlier, kept elsewhere; `RUN:SEQ:HASH`
        or a hash) is not in the chain, which is how a cut-off tail is found."""

    def head(self) -> Head | None:
        """The newest event of all, as `str(head)` short enough for any message; None where nothing was written.
        One row is read, nothing is recomputed."""


class Spool(Protocol):
    """What is done on this machine while no journal can be written, until a journal has it; and the local epoch, the
    token of the last emergency: whatever was begun before it may not act here any more."""

    def epoch(self) -> Epoch:
        """The last that was raised here. Raises `MobiusError` when that cannot be read."""

    def raise_epoch(self, epoch: Epoch) -> None:
        """Durable when this returns; a lower one than before changes nothing. Raises `MobiusError` where it cannot be
        kept."""

    def check(self, run: Run) -> None:
        """Raises `Fenced` for a run with a lower token than the epoch, and `MobiusError` as `epoch` does."""

    def begin(self, run: Run) -> Journal:
        """The journal of a new run: each line of it is on the disk when it was told. Raises `MobiusError` where none
        can be kept."""

    def carry_on(self, spooled: Spooled, by: Run, *, now: float) -> tuple[Run, Journal]:
        """The run as it stands, with the holder and the token of `by`, and its journal."""

    def waiting(self) -> tuple[Spooled, ...]:
        """What no journal has yet, oldest first. Raises `MobiusError` for one that is damaged from the start on."""

    def settle(self, spooled: Spooled) -> None:
        """A journal has it. Doing it again changes nothing."""


class NoSpool:
    """Where nothing can be kept beside the journal."""

    def epoch(self) -> Epoch:
        return Epoch()

    def raise_epoch(self, epoch: Epoch) -> None:
        raise MobiusError("there is nowhere to keep an epoch", "see logs/deployment.log")

    def check(self, run: Run) -> None:
        """Nobody went past the journal."""

    def begin(self, run: Run) -> Journal:
        raise MobiusError("there is nowhere to write down what is done", "see logs/deployment.log")

    def carry_on(self, spooled: Spooled, by: Run, *, now: float) -> tuple[Run, Journal]:
        raise MobiusError("there is nothing to carry on", "see logs/deployment.log")

    def waiting(self) -> tuple[Spooled, ...]:
        return ()

    def settle(self, spooled: Spooled) -> None:
        """There is none."""


class Lock(Protocol):
    """Who may act on an environment, on this machine: an OS lock that dies with its process."""

    def held(self) -> AbstractContextManager[None]:
        """Holds the lock inside the `with`. Raises `Locked` at once, naming the holder, if another has it."""

    def holder(self) -> str:
        """Who holds it now, or "" when nobody does."""
