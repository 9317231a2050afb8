"""What keeps data and brings it back: backups, stores, migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mobius.errors import MobiusError
from mobius.model.loss import Comparison, LostRow
from mobius.model.migrating import PendingMigration
from mobius.model.release import BackupRecord, Release
from mobius.model.seen import Migration
from mobius.model.stored import Created, Stored
from mobius.model.verdict import CheckResult


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
        candidate: Release | None = None,
        fast: bool = False,
        progress: Callable[[str], None],
    ) -> Mapping[str, Any]:
        """Restores into a scratch place, checks every hash and database, says how long it took (`restore_s`), and
        removes the scratch place. With `boot` (None: as `rehearsal.boot` says) the backed-up release is started on the
        restored copy, where nothing that is live can be seen or reached: `booted`, or `failed` with the end of its
        `log`, or `not_proven` with the reason why it could not be tried.

        What is pending in `migrate_from` (None: nothing) runs on copies of the restored database, up and down; then the
        backed-up release and `candidate`, as it is staged, are each started and smoke-tested on a migrated copy. The
        facts of that are `mobius.model.trial_facts.TrialFacts`; `fast` leaves out what takes long and decides little. A
        migration that fails, or that must not run, is in `stops`, not raised.

        Leaves evidence beside the backup. Raises `BackupInvalid` or `MobiusError`; the live data is never touched."""

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
        then, marked late, those it has otherwise than the emergency backup. Raises `NotAllTold` at the end where there
        is more: the time was up, or rows have no key."""

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


class NotAllTold(MobiusError):
    """Rows differ that could not be named: by database and table, with the reason. `late`: those that the emergency
    backup may not have."""

    def __init__(self, untold: Mapping[str, str], late: Mapping[str, str]) -> None:
        told = "; ".join(f"{name}: {why}" for name, why in (dict(untold) | dict(late)).items())
        super().__init__(f"not every row could be listed: {told}")
        self.untold = untold
        self.late = late


class NameTaken(MobiusError):
    """Other content has this name in the store already; the message names both hashes."""


class Store(Protocol):
    """A place off this machine for copies of backups: objects with names such as `dhash/production/x.zip`, whose parts
    are letters, digits and `._-`, and never begin with a dot. Any number of processes may use it at once.

    Every method raises `MobiusError`, with the next step, where the store cannot be reached, refuses who we are,
    forbids what is asked, or is not there; no message holds a credential. None blocks longer than `store.timeout`;
    `read` for one piece.
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
    """Pending changes of the live database, one transaction each where that can be."""

    def applied(self, directory: Path | None = None) -> tuple[Migration, ...]:
        """Oldest first. With `directory` (in a release), names are those of its files where the database has only
        versions. Raises `MobiusError` when the database cannot be read."""

    def pending(self, directory: Path) -> tuple[Migration, ...]:
        """What `directory` (in a release) has and the database has not. Raises `MobiusError` for a changed
        or out-of-order file."""

    def read(self, directory: Path) -> tuple[PendingMigration, ...]:
        """The same, each with its text where there is one, and whether it can be taken back."""

    def missing_programs(self, directory: Path) -> tuple[str, ...]:
        """Of the programs that migrate, those that are neither in the release that `directory` is in nor where its
        process looks for programs. Starts nothing."""

    def apply(
        self, directory: Path, *, progress: Callable[[str], None], within_s: float | None = None
    ) -> tuple[Migration, ...]:
        """Applies what is pending; a kill -9 leaves each migration applied and recorded, or neither. What cannot run in
        a transaction is looked at before it is repeated. Raises `MobiusError` while somebody else migrates the
        database, naming them, and never `Locked`: this environment is still ours.

        `within_s`: what is left of a hold of requests; while nothing is applied, no lock is waited for longer, nor
        tried for again. Raises `MobiusError` then."""

    def wait(self, progress: Callable[[str], None]) -> None:
        """Returns once no program that outlived its deployer migrates any more: only then can it be seen what it did.
        Raises `MobiusError` where it does not end."""

    def left_half(self, directory: Path) -> str:
        """After an `apply` that did not end well: what is half applied, or may be for all that can be seen, in words;
        "" where nothing is. Raises `MobiusError` when that cannot be seen."""

    def can_go_down(self, directory: Path, versions: Sequence[str]) -> bool:
        """Whether every one of these has a way down."""

    def down(self, directory: Path, versions: Sequence[str], *, progress: Callable[[str], None]) -> None:
        """Takes these back, newest first. Raises `MobiusError` where another one is half applied."""
