"""All hosts of a fleet at once: asked side by side, the lost ones named, the absent ones remembered.

`<root>/run/fleet.json` on the controller says which hosts are not part of the fleet for now, and why. A host gets in
there when it is lost or fails within the failure budget, and out of it when it was put right again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakMethod

from mobius.adapters.fleet.line import Asks, HostLost, HostRefused
from mobius.adapters.traffic.haproxy_kept import write_whole
from mobius.errors import Fenced, MobiusError
from mobius.model.fleet import Absence, FleetSettings, HostSettings
from mobius.ports import Clock

SCHEMA_VERSION = 1
LOOKS = ("hello", "processes", "tail")  # what changes nothing
LOOK_WITHIN_S = 10.0  # a host that hangs must not hang whoever only looks
OUT_WITHIN_S = 4.0  # nor one that is out of the fleet already
QUIET_S = 10.0  # and is not waited for again, by those who look, for so long
BRIEF = (*LOOKS, "fence")  # a host that hangs learns of a token later: with the first thing it is asked
TOUCHES_NO_PROCESS = (*BRIEF, "point")
MOST_LOOKS = 64  # hosts at once, where no process is touched
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What the hosts said, by name: their answers, and why there is none."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    failed: Mapping[str, MobiusError] = field(default_factory=dict)


class Hosts:
    """The hosts, each with a line of its own. Safe to use from one thread at a time."""

    def __init__(
        self,
        hosts: Sequence[HostSettings],
        settings: FleetSettings,
        run: Path,
        clock: Clock,
        line_to: Callable[[HostSettings], Asks],
        pool: Callable[[int], Executor] = ThreadPoolExecutor,
    ) -> None:
        """`pool`: so many workers side by side."""
        self.all = {host.name: host for host in hosts}
        self.settings = settings
        self._file = run / "fleet.json"
        self._clock = clock
        self._lines = {host.name: line_to(host) for host in hosts}
        self._pool = pool
        self.goes_back = (
            False  # from when a way back began: nothing is done in batches then, and nobody is waited for
        )
        self._when_out: Callable[[], Callable[[Sequence[str]], None] | None] = lambda: None
        self._token: int | None = None
        self._hung: dict[str, tuple[float, HostLost]] = {}  # until when nobody looks there, and why

    # -- asking ----------------------------------------------------------------------------------------------

    def ask(
        self,
        verb: str,
        of: Sequence[str] | None = None,
        *,
        each: Callable[[HostSettings], Mapping[str, Any] | None] | None = None,
        **asked: Any,
    ) -> Told:
        """Asks these hosts (those that are present) side by side, where processes are touched at most `max_parallel`.
        `each` adds what is for one host alone; None leaves it out. One that was overtaken raises `Fenced`: nobody goes
        on."""
        names = list(self.present() if of is None else of)
        told: dict[str, Answer] = {}
        failed: dict[str, MobiusError] = {}
        out = self._out()

        def one(name: str) -> None:
            more = each(self.all[name]) if each else {}
            if more is None:
                return
            stream = more.get("stream")
            fields = {key: value for key, value in more.items() if key != "stream"}
            try:
                self._refuse_hung(name, verb)
                told[name] = self._lines[name].ask(
                    verb, within_s=self._within_s(verb, name in out), stream=stream, **asked, **fields
                )
                self._hung.pop(name, None)
            except HostLost as problem:
                failed[name] = problem
                self._hung.setdefault(name, (self._clock.monotonic() + QUIET_S, problem))
            except (HostRefused, Fenced) as problem:
                failed[name] = problem

        if names:
            most = MOST_LOOKS if verb in TOUCHES_NO_PROCESS else self.settings.max_parallel
            with self._pool(min(len(names), most)) as pool:
                list(pool.map(one, names))
        overtaken = [problem for problem in failed.values() if isinstance(problem, Fenced)]
        if overtaken:
            raise overtaken[0]
        return Told({name: told[name] for name in names if name in told}, failed)

    def change(
        self,
        verb: str,
        of: Sequence[str] | None = None,
        *,
        each: Callable[[HostSettings], Mapping[str, Any] | None] | None = None,
        **asked: Any,
    ) -> Told:
        """The same with the token of this run."""
        return self.ask(verb, of, each=each, token=self.token(), **asked)

    def _within_s(self, verb: str, is_out: bool) -> float:
        brief_s = OUT_WITHIN_S if is_out else LOOK_WITHIN_S
        return min(brief_s, self.settings.timeout_s) if verb in BRIEF else self.settings.timeout_s

    def _out(self) -> frozenset[str]:
        try:
            return frozenset(self.absent())
        except MobiusError:
            return frozenset()

    def _refuse_hung(self, name: str, verb: str) -> None:
        """Raises `HostLost` for one that was just waited for in vain, while nothing depends on it but a look."""
        until, problem = self._hung.get(name, (0.0, None))
        if problem is None:
            return
        if verb in BRIEF and self._clock.monotonic() < until:
            raise problem
        del self._hung[name]

    def fence(self, token: int, *, by: str = "") -> Told:
        """From here on every host that is reached refuses a lower token; `by`: whose emergency that is."""
        self._token = token
        return self.ask("fence", list(self.all), token=token, by=by, at=self._clock.now())

    def epoch(self) -> int:
        """The highest token that the hosts have seen, of those that are reached."""
        told = self.ask("hello", list(self.all))
        return max((int(one["state"]["epoch"]) for one in told.answers.values()), default=0)

    def token(self) -> int:
        """Of this run; before a run has said its own, the highest that the hosts have seen, which overtakes nobody."""
        if self._token is None:
            self._token = self.epoch()
        return self._token

    def now(self) -> float:
        """By the clock of this machine, unix seconds."""
        return self._clock.now()

    def close(self) -> None:
        """Ends every line."""
        for line in self._lines.values():
            line.close()

    # -- who is part of it -----------------------------------------------------------------------------------

    def present(self) -> list[str]:
        """The hosts that take part."""
        absent = self.absent()
        return [name for name in self.all if name not in absent]

    def absent(self) -> dict[str, Absence]:
        """The hosts that do not, by name."""
        try:
            told = json.loads(self._file.read_text(encoding="utf-8"))
            known = [Absence(**one) for one in told["absent"]]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise MobiusError(
                f"{self._file} cannot be read: which hosts are out of the fleet is not known",
                "remove it; then every host counts as present again",
            ) from problem
        return {one.host: one for one in known if one.host in self.all}

    def leave_out(
        self,
        failed: Mapping[str, MobiusError],
        doing: str,
        *,
        budget: int | None = None,
        are_bad: bool = False,
    ) -> None:
        """Goes on without these hosts (`are_bad`: which were reached). Raises `MobiusError` naming each of them where
        that is more than the failure budget allows (`budget`: another one than the configured), and then changes
        nothing."""
        if not failed:
            return
        absent = self.absent()
        out = {**absent, **{n: Absence(n, p.message, self._clock.now(), are_bad) for n, p in failed.items()}}
        budget = self.settings.failure_budget if budget is None else budget
        if len(out) > budget or len(out) == len(self.all):
            allowed = f"{budget} may fail" if budget else "none may fail"
            raise MobiusError(
                f"{doing} failed on {', '.join(sorted(failed))} ({allowed}, {len(out)} of {len(self.all)} are out)",
                next(iter(failed.values())).hint,
                details=tuple(problem.message for problem in failed.values()),
            )
        self._write(out)
        if (take_out := self._when_out()) is not None:
            take_out(list(failed))

    def when_out(self, act: Callable[[Sequence[str]], None]) -> None:
        """This method is called with the names of hosts at the moment at which they are left out, as long as there is
        what it is of."""
        self._when_out = WeakMethod(act)

    def is_too_many(self, failed: Mapping[str, MobiusError]) -> bool:
        """Whether these are more than the failure budget allows, with those that are out already."""
        out = {*self.absent(), *failed}
        return bool(failed) and (len(out) > self.settings.failure_budget or len(out) == len(self.all))

    def take_back_in(self, *names: str) -> None:
        """These hosts are part of the fleet again."""
        self._write({host: one for host, one in self.absent().items() if host not in names})

    def _write(self, absent: Mapping[str, Absence]) -> None:
        told = {"schema_version": SCHEMA_VERSION, "absent": [asdict(one) for one in absent.values()]}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._file, json.dumps(told, indent=1), 0o600, durable=True)
        except OSError as problem:
            raise MobiusError(
                f"{self._file} cannot be written: {problem.strerror or problem}",
                f"free space below {self._file.parent}",
            ) from problem
