"""One cell of the matrix: a run is struck at a moment, ends, and what is left is looked at, and deployed upon."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from journeys.fleet.matrix.clients import Clients
from journeys.fleet.matrix.faults import FAULTS, Fault, kill
from journeys.fleet.matrix.ground import Ground, Ran
from journeys.hosts.fleet_service import HOSTS, until
from mobius.model.run import ENDED

RESULTS = "MOBIUS_MATRIX"  # the variable that names a file for what was found, a JSON object a line
ENDS_WITHIN_S = 240.0  # on a machine that does other things, too
SOON_S = 30.0
MOMENTS = {
    "stage": ("begin go-*-stage", "after"),
    "backup": ("begin go-*-backup", "after"),
    "migrate": ("begin go-*-migrate", "after"),
    "start": ("begin go-*-start", "after"),
    "switch": ("begin go-*-switch", "after"),
    "drain": ("begin go-*-drain", "after"),
    "window": ("add_samples", "after"),
    "rollback": ("begin return-*-switch", "after"),
}
FINISHED = {"accepted": "finished", "rolled back": "taken back", "observing": "finished"}


@dataclass
class Found:
    """What came of a cell."""

    fault: str
    moment: str
    outcome: str = ""
    sentence: str = ""
    live: str = ""
    left_out: str = ""
    asked: int = 0
    failed: int = 0
    known_after_s: float = 0.0
    whole_s: float = 0.0


def run_cell(ground: Ground, fault_name: str, moment: str) -> None:
    """Raises `AssertionError` with the deployment log for whatever is not as it must be."""
    found = Found(fault_name, moment)
    fault = FAULTS[fault_name]
    began = time.monotonic()
    try:
        with Clients(ground.url) as clients:
            struck_at, run = _struck(ground, fault, moment, found)
            _assert_known(ground, run, found)
            _deploy_again(ground)
        found.asked, found.failed = clients.sent, len(clients.failures)
        late = clients.since(struck_at + fault.hurts) if fault.hurts else clients.failures
        assert late == [], f"{len(late)} requests failed that may not: {late[:5]}"
        assert clients.sent > 20
    except Exception as problem:
        found.outcome = found.outcome or "FAILED"
        problem.add_note(ground.log())
        _note({**asdict(found), "problem": str(problem).splitlines()[0][:300] if str(problem) else "?"})
        raise
    found.whole_s = time.monotonic() - began
    ground.is_well = True
    _note(asdict(found))


def is_usable(ground: Ground) -> bool:
    """Whether all is well after a cell that failed, once a deployment has gone through: a new bed takes longer."""
    try:
        ground.mobius("resume", "-e", "production")
        _deploy_again(ground)
    except (AssertionError, subprocess.TimeoutExpired):
        return False
    ground.is_well = True
    return True


def run_timed(ground: Ground, what: str, goal_s: float, *words: str) -> None:
    """One command under load: no request fails, and it is done in time."""
    with Clients(ground.url) as clients:
        began = time.monotonic()
        ground.mobius(*words, expect=0)
        seconds = time.monotonic() - began
    _note(
        {
            "what": what,
            "seconds": seconds,
            "goal_s": goal_s,
            "asked": clients.sent,
            "failed": len(clients.failures),
        }
    )
    assert clients.failures == []
    assert clients.sent > 0
    assert not goal_s or seconds <= goal_s


def _struck(ground: Ground, fault: Fault, moment: str, found: Found) -> tuple[float, Ran]:
    """The run, ended, and when it was struck."""
    environ = fault.environ(ground)
    words = ("deploy", "--tag", ground.next_tag())
    if moment == "rollback":
        ground.mobius(*words, expect=0)
        words = ("rollback", "-e", "production", "--yes")
    label, when = MOMENTS[moment]
    command = ground.halted(label, when, words, environ)
    try:
        struck_at = time.monotonic()
        try:
            fault.strike(ground)
            if fault.looks:
                assert ground.mobius("status").code == 0
            fault.soon(ground)
            ground.go_on()
            if fault.ends_deployer:
                kill(command.pid)
                found.outcome = "resumed, "
                ground.mobius("resume", "-e", "production")
            command.communicate(timeout=ENDS_WITHIN_S)
        finally:
            fault.mend(ground)
        run = _settled(ground, found)
        found.known_after_s = time.monotonic() - struck_at
        return struck_at, run
    finally:
        command.kill()
        command.communicate()


def _settled(ground: Ground, found: Found) -> Ran:
    """The struck run once it has come to an end: by itself, else by `resume`; an open verdict is accepted."""

    def run() -> Ran:
        return next(one for one in ground.runs() if one.kind != "monitor")

    def is_at_rest() -> bool:
        now = run()
        watched = now.kind == "rollback" and now.state == "observing"  # what came back, for two hours
        return watched or now.state in (*map(str, ENDED), "needs a person")

    if run().state == "needs a person" or not is_at_rest():
        found.outcome = "resumed, "
        ground.mobius("resume", "-e", "production")
    until(is_at_rest, "the run ends", ENDS_WITHIN_S)
    last = run()
    found.outcome += FINISHED.get(last.state, last.state)
    found.sentence = last.sentence
    if last.state == "inconclusive":
        ground.mobius("accept", "-e", "production", expect=0)
        found.outcome += ", accepted by hand"
    assert last.state in (*FINISHED, "inconclusive", "aborted", "refused"), f"{last}"
    return last


def _assert_known(ground: Ground, run: Ran, found: Found) -> None:
    """`mobius status` says what is true, of every host."""
    said = ground.mobius("status", "-e", "production", expect=0).out
    live = _line(said, "live").split()[0]
    found.live = "the new one" if live == ground.tags[-1] else "the one before"
    until(lambda: _served(ground) == {live}, f"{live} alone serves, as status says", SOON_S)
    out = ground.left_out()
    found.left_out = ", ".join(sorted(out))
    for name in HOSTS:
        told = _line(said, f"host {name}")
        assert re.search("out of the fleet|taken out", told) if name in out else f"{live}-" in told, said
    taken_back = run.state in ("rolled back", "aborted", "refused") or run.kind == "rollback"
    assert live == ground.tags[-2 if taken_back else -1], f"{live} is live after {run}"


def _line(said: str, label: str) -> str:
    """What `mobius status` says after this label."""
    found = re.search(rf"^{label}:\s+(.*)$", said, re.MULTILINE)
    assert found, said
    return found[1]


def _served(ground: Ground) -> set[str]:
    try:
        return {answer.split()[0] for answer in ground.answers(9)}
    except OSError as problem:
        return {str(problem)}


def _deploy_again(ground: Ground) -> None:
    """A second deployment works, on all hosts, whatever the first one left."""
    tag = ground.next_tag(migrates=False)
    done = ground.mobius("deploy", "--tag", tag)
    assert done.code == 0, f"the next deployment: {done}"
    until(lambda: ground.answers(20) == {f"{tag} {name}" for name in HOSTS}, "all hosts serve it", SOON_S)
    assert ground.left_out() == {}, "everybody takes part again"
    assert ground.applied() == list(range(1, ground.migrations + 1)), "a migration more than once, or never"


def _note(what: dict[str, object]) -> None:
    if path := os.environ.get(RESULTS):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")
