"""The ports: what flows ask of the outside world, every promise written on the method.

Adapters implement them; each kind has a memory adapter, and one contract suite in `tests/adapters/contracts`
holds every adapter to the words below. All methods are synchronous; what needs concurrency keeps it inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mobius.errors import MobiusError
from mobius.model.loss import Comparison as Comparison
from mobius.model.loss import LostRow as LostRow
from mobius.model.plan import Plan, Step
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.model.run import Event, Holder, OutboxRow, Run, RunState, StepRecord
from mobius.model.sample import Sample
from mobius.model.seen import CommandSeen as CommandSeen
from mobius.model.seen import Counters as Counters
from mobius.model.seen import Migration as Migration
from mobius.model.seen import Note as Note
from mobius.model.seen import ProcessStatus as ProcessStatus
from mobius.model.seen import Source as Source
from mobius.model.seen import Switched as Switched
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.stored import Created as Created
from mobius.model.stored import Stored as Stored
from mobius.model.verdict import CheckResult


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

    def run(self, run_id: int) -> Run:
        """The run. Raises `UsageError` when there is none."""

    def runs(self, environment: str, limit: int = 50) -> tuple[Run, ...]:
        """Newest first."""

    def active_run(self, environment: str) -> Run | None:
        """The one run that is not ended, if any."""

    def steps(self, run_id: int) -> tuple[StepRecord, ...]:
        """The last attempt of every step, in the order they were first begun."""

    def events(
        self, *, environment: str = "", run_id: int = 0, after: int = 0, limit: int = 10000
    ) -> tuple[Event, ...]:
        """Oldest first, with seq > `after`."""

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
        first event that was changed, removed or reordered, or when `head` (seen earlier, kept elsewhere)
        is not in the chain, which is how a cut-off tail is found."""


class Lock(Protocol):
    """Who may act on an environment, on this machine: an OS lock that dies with its process."""

    def held(self) -> AbstractContextManager[None]:
        """Holds the lock inside the `with`. Raises `Locked` at once, naming the holder, if another has it."""

    def holder(self) -> str:
        """Who holds it now, or "" when nobody does."""


class Releases(Protocol):
    """Where releases come from and where they lie."""

    def find(self, tag: str) -> Source:
        """Looks a tag up. Raises `UsageError` for an unknown tag, naming those that exist."""

    def look_into(self, source: Source, subpath: str) -> AbstractContextManager[Path]:
        """A folder with that part of the source, somewhere temporary, while inside the `with`; empty when the
        source has no such part."""

    def stage(self, release: Release, *, progress: Callable[[str], None]) -> Release:
        """Lays out and builds `releases/<id>/` and hashes it; already staged and intact is a success. Raises
        `MobiusError` with the end of the build's output when the build fails; nothing is left half staged."""

    def register(self, release: Release) -> Release:
        """Remembers a release whose tree somebody else lays out: its manifest beside an empty place. There already
        is a success."""

    def configure(self, release: Release, processes: Sequence[ProcessSettings]) -> Release:
        """Makes the tree that `tree_of(release.id)` names a release of its own under this id, with these
        processes: nothing is copied or built. There already is a success. Raises `MobiusError` where the tree
        is gone, `GateFailed` where a start command is missing; then nothing is left."""

    def is_staged(self, release_id: str) -> bool:
        """Whether the tree is there, complete, with its manifest."""

    def path(self, release_id: str) -> Path:
        """Where the release lies, whether or not it is there."""

    def size_bytes(self, release_id: str) -> int:
        """What its tree takes on the disk, links not followed; 0 where there is none."""

    def processes(self, release_id: str) -> tuple[ProcessSettings, ...]:
        """The processes as the release's own configuration snapshot has them."""

    def point_to(self, release_id: str, previous_id: str) -> None:
        """Makes `current`, `previous` and the version marker name these, each atomically; "" removes."""

    def current(self) -> tuple[str, str]:
        """The release ids that `current` and `previous` name, "" where there is none."""

    def manifests(self) -> tuple[Release, ...]:
        """Every release found by its manifest on disk, newest first: the truth when the journal is lost."""

    def remove(self, release_id: str) -> None:
        """Deletes the tree; not there is a success."""


class Target(Protocol):
    """Where a release runs. Slots keep two releases of a web process side by side."""

    def prepare(self) -> None:
        """Makes the target ready to act on (starts its supervisor); repeating is free."""

    def preflight(self) -> tuple[CheckResult, ...]:
        """Looks, changes nothing: can this target take a deployment?"""

    def start(self, slot: str, release_id: str, cwd: Path, processes: Sequence[ProcessSettings]) -> None:
        """Starts these processes of the release in the slot; those already running from it are left alone.
        Raises `MobiusError` when a command is missing, or a worker or singleton of the same name is alive
        in another slot (two releases of one never run at once)."""

    def stop(self, slot: str, kinds: Sequence[str] = ()) -> None:
        """Stops the slot's processes of these kinds (all when empty), gracefully, then by force; nothing
        running is a success. Returns when they are gone."""

    def restart(self, slot: str, name: str) -> None:
        """Stops one process of the slot and starts it again, as it was started there; returns when it is started
        (not when it is healthy). Raises `MobiusError` when there is none of that name."""

    def processes(self) -> tuple[ProcessStatus, ...]:
        """What is there now. Raises `MobiusError` when it cannot be seen: unknown is not stopped."""

    def slot_url(self, slot: str) -> str:
        """The address of the slot's web process, past the front door; "" when none is up."""

    def log_tail(self, slot: str, lines: int = 20) -> str:
        """The last lines its processes wrote; "" when there are none."""


class Traffic(Protocol):
    """Who receives requests. A switch is one write: after it, every new request goes by the new weights."""

    def preflight(self) -> tuple[CheckResult, ...]:
        """Looks, changes nothing: can traffic be moved? Never raises."""

    def weights(self) -> Mapping[str, int]:
        """Slot to weight; empty when nothing is live. Raises `MobiusError` when it cannot be seen."""

    def switch(self, weights: Mapping[str, int]) -> Switched:
        """Moves traffic; the same weights again change nothing. Raises `MobiusError`, nothing changed, for a
        slot that does not exist."""

    def drain(self, slot: str, timeout_s: float) -> int:
        """Waits until no request is in flight on the slot; at the timeout cuts what is left, and counts."""

    def hold(self, max_s: float, max_requests: int, max_bytes: int) -> None:
        """New requests wait, within these limits; beyond them clients get 503 with Retry-After."""

    def release_hold(self) -> int:
        """Those that wait go on; how many that were. Not held is a success."""

    def turned_away(self) -> int:
        """Requests that a hold could not keep waiting and that got 503 with Retry-After, since whoever counts began
        to. Raises `MobiusError` when it cannot be read."""

    def counters(self) -> Mapping[str, Counters]:
        """By release id. Raises `MobiusError` when they cannot be read."""

    def failed_because_of_switches(self, since: int = 0) -> int:
        """Requests that failed because of switches, from generation `since` on."""


class Signals(Protocol):
    """Measurements for the window. Never raises: what could not be measured is a sample with `missing`."""

    def sample(self, now: float) -> tuple[Sample, ...]:
        """One reading of every signal: the probe, real traffic since the last call, resources, gates."""


class Checks(Protocol):
    """The looking: smoke tests, health, gates. Never raises: what cannot be measured is an ERROR result."""

    def smoke(self, base_url: str) -> tuple[CheckResult, ...]:
        """Every configured smoke test against this address."""

    def health(self, base_url: str) -> CheckResult:
        """The health endpoint once."""

    def gate(self, name: str) -> CheckResult:
        """One configured gate command."""


class Backups(Protocol):
    """Archives of code, configuration and data, each published only once verified."""

    def create(
        self,
        *,
        kind: str,
        release: Release | None,
        run_id: int,
        since: float = 0.0,
        progress: Callable[[str], None],
    ) -> BackupRecord:
        """Captures, writes, verifies and publishes. Repeating it for the same run and kind returns the one that
        is already published, if it was made after `since`: when the run began. (A journal that was lost numbers
        its runs anew, and an old archive must not pass for the backup of today.) Raises `MobiusError` (disk
        full, folder not writable, file that keeps changing) with nothing published."""

    def verify(self, path: Path, *, deep: bool = True) -> str:
        """Raises `BackupInvalid` naming what is wrong: a hash that differs, a signature that is wrong or missing
        though required. `deep` checks every member too, not only the archive's own hash. Returns who signed it, ""
        where nobody did or nobody is believed."""

    def signer(self, path: Path) -> str:
        """Who signed it, without reading the archive; "" where nobody did, or nobody is believed. Raises
        `BackupInvalid` for a signature that is wrong, or missing though required."""

    def rehearse(
        self,
        backup: BackupRecord,
        *,
        boot: bool | None = None,
        migrate_from: Path | None,
        progress: Callable[[str], None],
    ) -> Mapping[str, Any]:
        """Restores into a scratch place, checks every hash and database, applies the migrations pending in
        `migrate_from` to a copy of the restored one, says how long it took (`restore_s`), and removes the scratch
        place. With `boot` (None: as `rehearsal.boot` says) the backed-up release is started on the restored copy, where
        nothing that is live can be seen or reached: `booted`, or `failed` with the end of its `log`, or `not_proven`
        with the reason why it could not be tried. Leaves evidence beside the backup. Raises `BackupInvalid` or
        `MobiusError`; the live data is never touched."""

    def prepare_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        """Lays the data of the archive out beside the present data, under `key`, so that `restore_data` has only to
        exchange them. Raises `BackupInvalid` or `MobiusError` (disk full) with nothing left; may be repeated."""

    def restore_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        """Puts the data of the archive in place of the present data, one atomic exchange a path; the old data
        is kept beside it under `key`. Repeating it with the same key finishes what was begun, and no more. Raises
        `MobiusError` with every path as it was. `kept` says where what was replaced is, by path."""

    def take_back_data(self, key: str) -> None:
        """Undoes `restore_data` and `prepare_data` of this key: the replaced data is live again, and nothing is left
        laid out. Nothing to undo is a success; may be repeated."""

    def compare(self, path: Path, *, within_s: float) -> Comparison:
        """What was written since the archive was made, told apart as far as the time allows. Changes nothing. Raises
        `BackupInvalid`; what could not be compared is in it."""

    def lost(self, path: Path, *, key: str, emergency: Path | None, within_s: float) -> Iterator[LostRow]:
        """After `restore_data` with this key: every row and file that the replaced data has otherwise than the archive;
        then, marked late, those it has otherwise than the emergency backup. Ends when the time is up."""

    def let_go(self, key: str, *, before: float) -> tuple[str, ...]:
        """Removes the replaced data of this key ("" for none), and what was replaced before that unix time; returns
        the paths whose was removed. Data that is only half exchanged is left alone."""

    def in_use(self, ours: Sequence[int]) -> tuple[str, ...]:
        """Who else has a database of the backed-up data open, one sentence each: not these processes, nor what they
        started, nor what mobius started. Empty where nobody has, or where the system does not tell."""

    def restore_release(self, path: Path) -> Release:
        """Lays the archive's code out as a staged release (if it is not there) and returns it."""

    def found(self) -> tuple[BackupRecord, ...]:
        """Every backup found by its metadata on disk, newest first: the truth when the journal is lost."""

    def preflight(self, live: Release | None, past: Sequence[BackupRecord] = ()) -> tuple[CheckResult, ...]:
        """Looks, changes nothing: are the paths there, is the folder writable, does a backup fit on the disk, can it
        be signed? `past`, the backups that were made here, say how long it takes."""

    def describe(self, path: Path) -> BackupRecord:
        """What an archive anywhere says of itself. Raises `BackupInvalid` when it is not one of ours."""

    def files(self) -> tuple[Path, ...]:
        """Every archive file there is, by name: also those too damaged to say what they are."""

    def prune(self, names: Sequence[str]) -> tuple[str, ...]:
        """Removes these backups with everything that lies beside them, second names of the same archive included;
        returns the names of those that were there. A kill leaves each whole or gone. Raises `MobiusError` where
        one cannot be removed."""


class NameTaken(MobiusError):
    """Other content has this name in the store already; the message names both hashes."""


class Store(Protocol):
    """A place off this machine for copies of backups: objects with names such as `dhash/production/x.zip`, whose parts
    are letters, digits and `._-`, and never begin with a dot. Any number of processes may use it at once.

    Every method raises `MobiusError`, with the next step, where the store cannot be reached, refuses who we are,
    forbids what is asked, or is not there; no message holds a credential. None blocks longer than `store.timeout`.
    """

    def place(self, name: str = "") -> str:
        """Where that is, for people."""

    def create(self, name: str, content: Path, *, sha256: str, progress: Callable[[int], None]) -> Created:
        """Gives the store the file `content`, which has this SHA-256, under a new name. Returns when the store holds
        it and that was checked. Nobody sees the name before its content is whole, whatever is cut or killed. The
        same content there already is a success, other content raises `NameTaken`, with nothing changed. After an
        attempt that was cut it goes on where it can, else says why not. Takes no more than 128 MB of memory.
        `progress` hears how many bytes are there so far. Raises `BackupInvalid` when the file is not what it
        should be, with nothing created."""

    def replace(self, name: str, content: bytes) -> None:
        """Puts small content (up to 1 MiB) there, whole or not at all, in place of what had the name."""

    def look(self, name: str) -> Stored | None:
        """What has the name; None when nothing has."""

    def listed(self, start: str = "") -> Iterator[Stored]:
        """Everything whose name begins so, by name, however much there is."""

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The content, or these bytes of it, in pieces of 8 MiB or less; a cut in between is mended unheard. Raises
        `NotStored` when nothing has the name."""

    def remove(self, name: str) -> None:
        """Takes it away; not there is a success."""

    def preflight(self) -> CheckResult:
        """Looks, changes nothing: can it be reached and listed? Never raises."""


class NotStored(MobiusError):
    """Nothing has this name in the store."""

    exit_code = 11


class Migrations(Protocol):
    """Pending changes of the live database, one transaction each."""

    def applied(self) -> tuple[Migration, ...]:
        """Oldest first. Raises `MobiusError` when the database cannot be read."""

    def pending(self, directory: Path) -> tuple[Migration, ...]:
        """What `directory` (in a release) has and the database has not. Raises `MobiusError` for a changed
        or out-of-order file."""

    def apply(self, directory: Path, *, progress: Callable[[str], None]) -> tuple[Migration, ...]:
        """Applies what is pending; a kill -9 leaves each migration applied and recorded, or neither."""

    def can_go_down(self, directory: Path, versions: Sequence[str]) -> bool:
        """Whether every one of these has a way down."""

    def down(self, directory: Path, versions: Sequence[str]) -> None:
        """Takes these back, newest first."""


class Launcher(Protocol):
    """Runs a run's own runner where a lost terminal cannot reach it, and starts it again when it dies."""

    def launch(self, run: Run) -> None:
        """Starts the runner of this run; already running is a success. Raises `MobiusError`."""

    def alive(self, run: Run) -> bool:
        """Whether its runner is there (or about to be started again)."""

    def stop(self, run: Run) -> None:
        """Ends the runner of this run, by force if it must; not there is a success."""


class CommandLost(MobiusError):
    """A command of the service's owner was interrupted, and nobody saw how it ended."""

    exit_code = 4


class Commands(Protocol):
    """The service's own commands (`[command]`): somebody else's way to deploy, go back, start, stop, and to ask what
    is live. Each runs apart from us: our own death does not end it."""

    def run(
        self,
        name: str,
        argv: Sequence[str],
        *,
        key: str,
        told: Mapping[str, str],
        progress: Callable[[str], None],
    ) -> Mapping[str, Any]:
        """Runs `argv` (no shell) with `told` in its environment, and returns when it has ended well. A key names
        one execution: one that runs is waited for, one that has ended gives its outcome again, one that was
        lost begins anew. What it leaves running stays. Raises `MobiusError` with the end of what it said when
        it failed, or did not end in time (then it was ended, with all it started), `CommandLost` when it was
        lost while we waited."""

    def look(self, key: str) -> CommandSeen:
        """How the execution of this key stands; changes nothing."""

    def end(self, prefix: str) -> None:
        """Ends every command that still runs with a key that begins so, and what it started; none is a success.
        Returns when they are gone."""

    def version(self) -> str:
        """What the version command prints, "" when there is none. Raises `MobiusError` when it does not answer."""

    def tail(self, lines: int = 20) -> str:
        """The last lines that the newest command said."""

    def preflight(self) -> tuple[CheckResult, ...]:
        """Looks, changes nothing: are the configured commands there?"""


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
    store: Store | None = None  # where copies of backups go; None where `store.url` is not set


def nothing(_: str) -> None:
    """A progress that nobody looks at."""
