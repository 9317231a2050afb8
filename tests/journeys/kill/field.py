"""One service that is deployed again and again while something is killed, and the question whether all is well."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journeys.service import Done, Service, wait_until
from mobius.host.client import HostUnavailable, ensure_running
from mobius.model.run import RunState

SITE = Path(__file__).parent / "site"
SETTLED = {*map(str, (RunState.ACCEPTED, RunState.ROLLED_BACK, RunState.OBSERVING, RunState.INCONCLUSIVE))}
STUCK = {*map(str, (RunState.FAILED, RunState.NEEDS_OPERATOR, RunState.REFUSED, RunState.ABORTED))}


@dataclass(frozen=True, slots=True)
class Strike:
    """Who is killed, and at which write of the runner's journal: by name, or by number in its order."""

    label: str = ""
    when: str = "after"  # the write; "before" it is after the effect that it tells of
    who: str = "runner"
    number: int = 0
    times: int = 1
    signal: int = signal.SIGKILL

    def __str__(self) -> str:
        return f"{self.who} {self.when} {self.label or f'write {self.number}'}"


@dataclass
class Field:
    """A service with a release to go back to; `deploy` and `rollback` are struck, `assert_all_is_well` looks."""

    service: Service
    tags: list[str] = field(default_factory=list)
    live: str = ""
    broken: bool = True  # until proven well: a service in doubt is not used for the next test
    strikes: int = 0

    def begin(self) -> Field:
        """The first release is live and kept."""
        self.service.mobius("deploy", "--tag", self.next_tag(), "--quiet", expect=0)
        self.live, self.broken = self.tags[-1], False
        return self

    def begin_and_watch(self) -> Field:
        """The same where windows last: nobody waits for their verdict."""
        self.service.mobius("deploy", "--tag", self.next_tag(), "--detach", "--quiet", expect=0)
        self.service.mobius("accept", expect=0)
        self.live, self.broken = self.tags[-1], False
        return self

    def deploy(self, strike: Strike, **behaviour: Any) -> tuple[Done, Path]:
        """A deployment of a new release, with one more migration; the answer, and the folder of the strike."""
        tag = self.next_tag(**behaviour)
        return self._struck(strike, "deploy", "--tag", tag)

    def deploy_a_bad_one(self, strike: Strike) -> tuple[Done, Path]:
        """A release that turns sick soon after it is live, and is taken back by itself."""
        return self.deploy(strike, sick_after_s=1.2)

    def rollback(self, strike: Strike) -> tuple[Done, Path]:
        """Back to the release before."""
        return self._struck(strike, "rollback", "--yes")

    def strike(self, strike: Strike, *words: str) -> tuple[Done, Path]:
        """Any command, struck."""
        return self._struck(strike, *words)

    def start_a_house_that_nobody_needed(self) -> None:
        """A supervisor that was killed when its run had nothing more to ask of it: status says so, and what to do."""
        if self.service.host.is_running():
            return
        status = self.service.status()
        assert status["warnings"] == ["the supervisor does not run: what dies now is not started again"]
        assert status["next"] == "mobius host start -e production"
        assert self.service.get()["code"] == 200
        self.service.mobius("host", "start", expect=0)

    def assert_all_is_well(
        self, live: str, *, states: Collection[str] = (), switches: int | None = None
    ) -> None:
        """One release is live, answers, and everything that can be asked says that it is this one."""
        run = self.settled(states or SETTLED)
        assert not states or run["state"] in states, f"{run}\n{self.service.log()}"
        status = self._status_without_warnings()
        assert status["live"]["tag"] == live, status
        assert "accept" not in status["next"], status
        # A door that was struck at the very last write is back in a moment.
        assert wait_until(lambda: self._answered() == (200, live), 10)
        assert wait_until(lambda: self._running("web") >= {live}, 10)
        assert wait_until(lambda: self._running("worker") == self._running("singleton") == {live}, 10)
        assert self._one_is_marked(live)
        doubled = "SELECT number, count(*) FROM applied_once GROUP BY number HAVING count(*) > 1"
        assert self.service.rows(doubled) == [], "a migration was applied twice"
        backups = self.service.journal(
            "SELECT run_id, kind, count(*) FROM backups WHERE run_id > 0 GROUP BY run_id, kind HAVING count(*) > 1"
        )
        assert backups == [], "more than one backup for a run"
        assert [life for life in self.service.lives() if life[0] == "TWO"] == []
        if switches is not None:
            door = self.service.host.status().door
            assert door is not None
            assert door.generation - self.generation == switches, "traffic moved too often, or not at all"
            told = f"SELECT count(*) FROM events WHERE run_id = {run['id']} AND kind = 'switched'"
            assert self.service.journal(told) == [(switches,)]
        self.service.mobius("audit", "verify", expect=0)
        self.live, self.broken = live, False

    def settled(self, states: Collection[str] = SETTLED) -> dict[str, Any]:
        """The struck run once it is in one of these states, or in one that it cannot leave by itself."""

        def has_settled() -> bool:
            return self._run()["state"] in {*states, *STUCK}

        wait_until(has_settled, 60, what="the run settles")
        return self._run()

    # -- what stands behind ----------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Where the present strike leaves its marks."""
        return self.service.folder / "strikes" / str(self.strikes)

    def has_struck(self) -> bool:
        """Whether the moment came."""
        return (self.folder / "struck-0").exists()

    def struck_write(self) -> str:
        """The write at which the strike came, "" when it never did."""
        return (self.folder / "struck-0").read_text() if self.has_struck() else ""

    def writes(self) -> list[str]:
        """Every write of the struck run so far, by name."""
        return (self.folder / "writes.txt").read_text().splitlines()

    def _struck(self, strike: Strike, *words: str) -> tuple[Done, Path]:
        environ = self.arm(strike)
        return self.service.mobius(*words, environ=environ), self.folder

    def arm(self, strike: Strike) -> dict[str, str]:
        """What the environment of a command must say, so that the runner it starts strikes."""
        self.broken = True
        self.strikes += 1
        self.folder.mkdir(parents=True)
        # The watch that follows a rollback may have been struck when all else was over: as any next command does.
        door = ensure_running(self.service.root).status().door
        self.generation = door.generation if door else 0
        told = {name: getattr(strike, name) for name in Strike.__dataclass_fields__}
        told |= {"folder": str(self.folder), "root": str(self.service.root), "signal": int(strike.signal)}
        path = os.pathsep.join(filter(None, (str(SITE), self.service.environ.get("PYTHONPATH"))))
        return {"PYTHONPATH": path, "STRIKE": json.dumps(told)}

    def next_tag(self, **behaviour: Any) -> str:
        """A new release, with one migration more than the last one."""
        tag = f"v{len(self.tags) + 1}"
        self.service.add_release(tag, migrations=len(self.tags) + 1, **behaviour)
        self.tags.append(tag)
        return tag

    def _run(self) -> dict[str, Any]:
        """The newest run that changes something: not the watch that follows a rollback."""
        query = "SELECT id, kind, state, sentence, exit_code FROM runs WHERE kind != 'monitor' ORDER BY id DESC LIMIT 1"
        return dict(
            zip(("id", "kind", "state", "sentence", "exit_code"), self.service.journal(query)[0], strict=True)
        )

    def _status_without_warnings(self) -> dict[str, Any]:
        """What status says once a watch that came last has its supervisor and its runner again."""
        last: list[dict[str, Any]] = []

        def is_calm() -> bool:
            last.append(self.service.status())
            return not last[-1]["warnings"] and self.service.host.is_running()

        try:
            wait_until(is_calm, 20)
        except AssertionError:
            raise AssertionError(f"status warns: {last[-1]}") from None
        return last[-1]

    def _answered(self) -> tuple[object, object]:
        answer = self.service.get()
        return answer["code"], answer.get("release")

    def _running(self, kind: str) -> set[str]:
        """Nothing while the supervisor is just being started again: a watch may have been struck a moment ago."""
        try:
            slots = self.service.host.status().slots.values()
        except HostUnavailable:
            return set()
        return {
            slot.release.split("-")[0]
            for slot in slots
            for process in slot.processes
            if process.kind == kind and process.state == "running"
        }

    def _one_is_marked(self, live: str) -> bool:
        marked = self.service.journal("SELECT tag FROM releases WHERE state = 'live'")
        return marked == [(live,)] and (self.service.root / "current").resolve().name.startswith(f"{live}-")


@contextmanager
def kept_well(make: Callable[[], Field], begin: Callable[[Field], object]) -> Iterator[Callable[[], Field]]:
    """The present field, begun; a new one when the last is in doubt. Ended with all that was started for it."""
    made: list[Field] = []

    def present() -> Field:
        if not made or made[-1].broken:
            for old in made:
                old.service.close()
            made.append(make())
            begin(made[-1])
        return made[-1]

    try:
        yield present
    finally:
        for one in made:
            one.service.close()
