"""What runs a release and sends it traffic: releases, target, traffic, launcher, the user's own commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from mobius.errors import MobiusError
from mobius.model.emergency import Epoch
from mobius.model.fleet import HostSeen
from mobius.model.release import Release
from mobius.model.run import Run
from mobius.model.seen import CommandSeen, Counters, ProcessStatus, Source, Switched
from mobius.model.settings import ProcessSettings
from mobius.model.verdict import CheckResult


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

    def slot_urls(self, slot: str) -> Mapping[str, str]:
        """The same on every host on which the slot's web process belongs, by the host's name ("" where there is only
        one host); "" for one where it is not up."""

    def fence(self, token: int, *, by: str = "") -> None:
        """From here on nothing that is asked with a lower token has an effect on any host that is reached. Raises
        `Fenced` where a host has seen a higher one. `by`: whose emergency it is, which a host says to whom it refuses
        then."""

    def epoch(self) -> Epoch:
        """The highest token that any host has seen, of those that are reached; 0 where there is one host only. Raises
        `MobiusError` where none is reached."""

    def hosts(self) -> tuple[HostSeen, ...]:
        """How each host stands, also those that are not reached; empty where there is one host only. Never raises."""

    def leave_out(self, hosts: Mapping[str, str]) -> None:
        """These hosts, each with the reason, take no part any more: they are bad by themselves. Out already is a
        success. Raises `MobiusError`, nothing changed, where that is more than the failure budget allows, or, on a
        way back, where no host would be left."""

    def left_out(self) -> tuple[str, ...]:
        """The hosts that take no part now, for whatever reason. Asks nobody. Raises `MobiusError` where that cannot be
        read."""

    def put_right(self) -> tuple[str, ...]:
        """Hosts that take no part, and are reached, run what the others run, started anew where they were bad; their
        names. They still take no part: nobody has seen yet that they are healthy."""

    def take_back_in(self, hosts: Sequence[str]) -> None:
        """These hosts take part again; those that do already are left alone."""

    def addresses(self, slot: str) -> Mapping[str, str]:
        """Where the slot's web process answers on each host on which it belongs, whether or not it is up there or the
        host takes part; empty where there is one host only. Asks nobody."""

    def leave_out_lost(self) -> tuple[str, ...]:
        """For a way back, which waits for nobody: hosts that are not reached take no part any more, until they come
        back and are put right; their names. Raises `MobiusError` where no host is left."""

    def log_tail(self, slot: str, lines: int = 20) -> str:
        """The last lines its processes wrote; "" when there are none."""


class CountsPartial(MobiusError):
    """One of those that count did not answer: the sums without it are less than what was counted before."""

    exit_code = 4


class Traffic(Protocol):
    """Who receives requests. A switch is one write: after it, every new request goes by the new weights."""

    def preflight(self) -> tuple[CheckResult, ...]:
        """Looks, changes nothing: can traffic be moved? Never raises."""

    def check_split(self) -> CheckResult:
        """Looks, changes nothing: can requests be shared out between two slots, and does a client stay with the one it
        was sent to? FAIL where they cannot. Never raises."""

    def weights(self) -> Mapping[str, int]:
        """Slot to weight; empty when nothing is live. Raises `MobiusError` when it cannot be seen."""

    def switch(self, weights: Mapping[str, int]) -> Switched:
        """Moves traffic; the same weights again change nothing. Where clients stay with a slot, those of the one that
        is named first do so as its share grows. Raises `MobiusError`, nothing changed, for a
        slot that does not exist."""

    def switch_hosts(self, weights: Mapping[str, int], hosts: Sequence[str]) -> Switched:
        """The same on these hosts of a fleet alone, in one write, and on those that take no part, which get nothing.
        Raises `MobiusError` where there is one host only."""

    def host_weights(self) -> Mapping[str, Mapping[str, int]]:
        """Slot to weight, of each host of a fleet; empty where there is one host only. Raises `MobiusError` when it
        cannot be seen."""

    def host_counters(self) -> Mapping[str, Mapping[str, Counters]]:
        """By host of a fleet, and by release id there; empty where there is one host only. Raises like `counters`."""

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
        """By release id. Raises `MobiusError` when they cannot be read, `CountsPartial` when a part is missing now."""

    def failed_because_of_switches(self, since: int = 0) -> int:
        """Requests that failed because of switches, from generation `since` on."""


class Launcher(Protocol):
    """Runs a run's own runner where a lost terminal cannot reach it, and starts it again when it dies."""

    def launch(self, run: Run) -> None:
        """Starts the runner of this run; already running is a success. Raises `MobiusError`."""

    def alive(self, run: Run) -> bool:
        """Whether its runner is there (or about to be started again)."""

    def stop(self, run: Run) -> None:
        """Ends the runner of this run, by force if it must; not there is a success."""

    def stop_all(self) -> None:
        """The same for every runner of the environment on this machine: for an emergency, which cannot ask which runs
        there are."""


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
