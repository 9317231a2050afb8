"""Looks after one environment between deployments: what was live is live after a boot, and no run is left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mobius.errors import Locked, MobiusError
from mobius.flows.bring_up import Beside, beside_the_live, bring_up
from mobius.flows.reconcile import reconcile
from mobius.flows.standing import Standing, standing
from mobius.model.run import Run, RunState
from mobius.model.settings import ProcessSettings
from mobius.ports import Ports

LOOK_EVERY_S = 3.0
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 300.0
WAITING = (RunState.NEEDS_OPERATOR, RunState.INCONCLUSIVE)  # for a person, not for a runner
GONE = ("stopped", "failed")


@dataclass(slots=True)
class Patience:
    """How long to wait before the same thing is tried again: twice as long each time, until it held for a while."""

    next_at: float = 0.0
    wait_s: float = FIRST_WAIT_S
    about: object = None

    def allows(self, about: object, now: float) -> bool:
        """Whether to try it now; counts as a try."""
        if about != self.about or now - self.next_at > LONGEST_WAIT_S:
            self.about, self.wait_s, self.next_at = about, FIRST_WAIT_S, now
        if now < self.next_at:
            return False
        self.next_at, self.wait_s = now + self.wait_s, min(2 * self.wait_s, LONGEST_WAIT_S)
        return True


@dataclass(slots=True)
class Watchman:
    """One environment. `say` is told in one line what was done, and what could not be."""

    ports: Ports
    say: Callable[[str], None]
    _prepared: bool = False
    _told: str = ""
    _launches: Patience = field(default_factory=Patience)
    _starts: Patience = field(default_factory=Patience)

    def look(self) -> None:
        """Once around. Never raises for what the outside world does: it is said, and looked at again."""
        problems = [problem for act in (self._prepare, self._keep) if (problem := _tried(act))]
        if problems:
            self._prepared = False  # the supervisor may be gone: made ready again at the next look
        self._say_once("; ".join(problems))
        self.ports.note_usual()

    def _prepare(self) -> None:
        if not self._prepared:
            self.ports.target.prepare()
            self._prepared = True

    def _keep(self) -> None:
        self.ports.refuse_elsewhere()
        for taken_in in reconcile(self.ports):
            self.say(
                f"run {taken_in.id} ({taken_in.kind} {taken_in.plan.tag}) went past the journal, which has it now"
            )
        run = self.ports.journal.active_run(self.ports.settings.name)
        if run is None:
            self._keep_up(standing(self.ports))
        elif run.state not in WAITING:
            self._keep_running(run)

    def _keep_running(self, run: Run) -> None:
        """A run whose runner is gone, as after a boot, gets another; the window notes the time nobody looked."""
        ports = self.ports
        if ports.launcher.alive(run) or not self._launches.allows(run.id, ports.clock.monotonic()):
            return
        if ports.lock.holder():
            return
        if problem := _tried(lambda: self._keep_up_beside(run)):
            self._say_once(problem)
        self.say(f"run {run.id} ({run.kind} {run.plan.tag}, {run.state}) has no runner: another is started")
        ports.launcher.launch(run)

    def _keep_up_beside(self, run: Run) -> None:
        """Before its runner looks again at what is live and what it has beside it, both are there."""
        if run.state is RunState.OBSERVING:
            beside = beside_the_live(run, self.ports)
            self._keep_up(standing(self.ports), (beside,) if beside else ())

    def _keep_up(self, now: Standing, others: Sequence[Beside] = ()) -> None:
        """What is live has all its processes, and gets the traffic."""
        lack = self._lack(now) or next(
            (lack for one in others if (lack := self._lacks(one.slot, one.release_id, one.processes))), ""
        )
        if lack and self._starts.allows(lack, self.ports.clock.monotonic()):
            self.say(f"{lack}: it is brought up")
            up = bring_up(self.ports)
            if up.live is not None:
                self.say(f"{up.live.id} is live in {up.live_slot}")

    def _lack(self, now: Standing) -> str:
        if now.live is None or not now.live_slot:
            return ""
        if not any(weight > 0 for weight in self.ports.traffic.weights().values()):
            return f"{now.live.id} gets no traffic"
        return self._lacks(now.live_slot, now.live.id, self.ports.releases.processes(now.live.id))

    def _lacks(self, slot: str, release_id: str, processes: Sequence[ProcessSettings]) -> str:
        seen_now = self.ports.target.processes()  # raises where nobody can look: not seen is not gone
        there = {process.name: process for process in seen_now if process.slot == slot}
        for process in processes:
            seen = there.get(process.name)
            if seen is None or seen.state in GONE:
                return f"{process.name} of {release_id} does not run"
        return ""

    def _say_once(self, words: str) -> None:
        if words and words != self._told:
            self.say(words)
        self._told = words


def _tried(act: Callable[[], None]) -> str:
    """What kept it from being done, in words; "" when nothing did, or when somebody else has the turn."""
    try:
        act()
    except Locked:
        return ""
    except MobiusError as problem:
        return f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    return ""


def serve(ports: Ports, *, say: Callable[[str], None], looked: Callable[[], None]) -> None:
    """Looks every few seconds, until the process is ended; `looked` is called before each look."""
    watchman = Watchman(ports, say)
    while True:
        looked()
        watchman.look()
        ports.clock.wait(LOOK_EVERY_S)
