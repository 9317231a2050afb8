"""One deployment told in full, that turned bad and came back by itself: the input of the report's tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mobius.model.plan import Plan, PlannedCheck, Repeat, Step, Way, WayBack
from mobius.model.run import Event, Holder, Run, RunState, StepRecord
from mobius.model.sample import BUCKETS, HISTOGRAM_EDGES_MS, Sample

NOON = 1_795_176_000.0  # 2026-11-20T12:00:00Z
HASH = "3f9a1c0e77b2"
ARCHIVE = "dhash_20261120_120009.zip"
SHA256 = "9f" * 32


def step(number: int, phase: str, action: str, title: str, expected_s: float, **params: Any) -> Step:
    """One step, with an id as the planner gives it."""
    return Step(f"{number:02d}-{action}", phase, action, title, params, Repeat.OBSERVABLE, expected_s)


ROLLOUT = (
    step(1, "stage", "stage", "lay out and build release v3", 12, build=[["npm", "ci", "--omit=dev"]]),
    step(2, "backup", "backup", "take a backup of code, configuration and data", 3),
    step(3, "backup", "rehearse", "restore it in a scratch place and check every hash", 4),
    step(
        4,
        "start",
        "start",
        "start v3 in slot green",
        2,
        processes=[{"name": "api", "start": ["node", "api.js"]}],
    ),
    step(5, "start", "await_healthy", "wait until v3 is healthy", 5),
    step(6, "switch", "switch", "move traffic from blue to green", 0.05),
    step(7, "switch", "drain", "let requests in flight on blue finish", 1),
)
BACK = (
    step(20, "way back", "switch", "move traffic from green to blue", 0.05),
    step(21, "way back", "stop", "stop v3 in slot green", 1),
)
RESTORE = (*BACK, step(22, "way back", "restore", "put the data of the backup in place", 6))
ACCEPTANCE = (step(30, "accept", "stop", "stop v2 in slot blue", 1),)

CHECKS = (
    PlannedCheck("tag", "does the tag exist?", "PASS", "v3 at 4f2c91ad"),
    PlannedCheck("clean tree", "is everything committed?", "PASS", "yes"),
    PlannedCheck("disk", "is there room for release and backup?", "PASS", "41 GB free, 120 MB needed"),
)

PLAN = Plan(
    kind="deploy",
    service="dhash",
    environment="production",
    tag="v3",
    release_id="v3-4f2c91a",
    previous_id="v2-77aa01b",
    slot="green",
    previous_slot="blue",
    rollout=ROLLOUT,
    ways_back=(
        WayBack("before traffic", Way.CODE_ALONE, BACK[1:], 1, "nothing", "proven by the rehearsal"),
        WayBack("after traffic", Way.CODE_ALONE, BACK, 1.05, "nothing"),
        WayBack("after traffic", Way.RESTORE, RESTORE, 7.05, "what was written after the backup"),
    ),
    acceptance=ACCEPTANCE,
    checks=CHECKS,
    facts={
        "commit": "4f2c91ad00112233",
        "policy": "conservative",
        "window_s": 600.0,
        "previous_tag": "v2",
        "pending_migrations": ["0003_add_titles", "0004_index"],
    },
    hash=HASH,
    tool_version="0.1.0",
)


def refused_plan() -> Plan:
    """The same plan with a check that says no."""
    dirty = PlannedCheck(
        "clean tree",
        "is everything committed?",
        "FAIL",
        "no: 2 files changed",
        "git stash, or allow_dirty = true",
    )
    return replace(PLAN, checks=(CHECKS[0], dirty, CHECKS[2]))


def record(step: Step, begun_s: float, took_s: float, **result: Any) -> StepRecord:
    """This step, begun `begun_s` after noon."""
    return StepRecord(7, step.id, 1, NOON + begun_s, NOON + begun_s + took_s, "", result)


STEPS = (
    record(ROLLOUT[0], 0.2, 9.1),
    record(ROLLOUT[1], 9.4, 2.2),
    record(ROLLOUT[2], 11.7, 3.4),
    record(ROLLOUT[3], 15.2, 1.1),
    record(ROLLOUT[4], 16.4, 4.0),
    record(ROLLOUT[5], 20.5, 0.012),
    record(ROLLOUT[6], 20.6, 0.8),
    record(BACK[0], 141.1, 0.009),
    record(BACK[1], 141.2, 1.2),
)
SENTENCE = "errors 7.3 % of 1,204 requests (more than 5 %, over at least 100)"


def events() -> tuple[Event, ...]:
    """What the flows and the journal write, in their words, with a chain of made-up hashes."""
    told: list[tuple[float, str, str, Mapping[str, Any]]] = []

    def say(at_s: float, kind: str, message: str, **data: Any) -> None:
        told.append((at_s, kind, message, data))

    say(0, "run queued", "deploy v3 to production queued by ada", plan=HASH)
    say(0.1, "run begun", "deploying v3", plan_hash=HASH, tag="v3")
    for one, done in zip((*ROLLOUT, *BACK), STEPS, strict=True):
        words = {"step": one.id, "phase": one.phase, "attempt": 1}
        took_s = round(done.done_at - done.begun_at, 3)
        say(done.begun_at - NOON, "step begun", one.title, **words)
        ended = f"{one.title}: done in {took_s:.1f} s"
        say(done.done_at - NOON, "step done", ended, **words, took_s=took_s, result={})
    kept = {"name": ARCHIVE, "path": f"backups/{ARCHIVE}", "sha256": SHA256, "size_bytes": 12_400_000}
    say(11.55, "backup", f"{ARCHIVE} published and verified", **kept)
    say(
        15.05,
        "rehearsed",
        f"{ARCHIVE} restored in 3.1 s and checked",
        restore_s=3.1,
        migrations=2,
        proven=True,
    )
    there = {"from": "blue", "to": "green", "generation": 4, "took_ms": 12.0, "failed_requests": 0}
    say(20.511, "switched", "traffic goes to green", **there)
    say(21.39, "drained", "blue is empty; 0 request(s) cut", slot="blue", cut=0, failed_requests=0)
    smoke = [
        {"name": "health", "outcome": "PASS", "message": "200", "duration_ms": 4.2},
        {"name": "database", "outcome": "PASS", "message": "answers", "duration_ms": 11},
    ]
    say(21.5, "smoke", "2 of 2 passed", when="live", results=smoke)
    window = {"deadline": NOON + 621.6, "policy": "conservative", "interval_s": 1}
    say(21.6, "window opened", "watching v3-4f2c91a by conservative", **window)
    say(141.0, "verdict", SENTENCE, outcome="FAIL", rule="error rate", sentence=SENTENCE)
    going = {"way": "code alone", "to": "v2-77aa01b", "because": SENTENCE, "decided_at": NOON + 141.05}
    say(141.05, "rollback begun", f"going back to v2-77aa01b (code alone): {SENTENCE}", **going)
    back = {"from": "green", "to": "blue", "generation": 5, "took_ms": 9.0, "failed_requests": 0}
    say(141.108, "switched", "traffic goes to blue", **back)
    ended = f"v2-77aa01b is live again after 1.6 s: {SENTENCE}"
    say(142.6, "rolled back", ended, to="v2-77aa01b", seconds=1.55, because=SENTENCE, exit_code=12)
    told.sort(key=lambda one: one[0])
    return tuple(
        Event(seq, 7, NOON + at, kind, message, data, "ada", hash=f"{seq:064x}")
        for seq, (at, kind, message, data) in enumerate(told, 1)
    )


def run(state: RunState = RunState.ROLLED_BACK) -> Run:
    """The run as the journal has it at the end, or in another state."""
    ended = state in (RunState.ROLLED_BACK, RunState.ACCEPTED)
    return Run(
        id=7,
        environment="production",
        kind="deploy",
        state=state,
        token=3,
        plan=PLAN,
        lead="ada",
        started_at=NOON,
        ended_at=NOON + 142.7 if ended else 0.0,
        window_opened_at=NOON + 21.6,
        window_deadline=NOON + 621.6,
        exit_code=12 if state is RunState.ROLLED_BACK else 0,
        sentence=SENTENCE if state is RunState.ROLLED_BACK else "",
        holder=Holder("ada", "web1", 4242, NOON),
    )


def samples() -> tuple[Sample, ...]:
    """Two minutes: well for one, then more and more errors; one probe could not be made, three failed."""
    made = []
    for second in range(22, 141):
        at, bad = NOON + second, max(0, second - 80)
        ms = 14 + 6 * math.sin(second / 5) + bad * 1.5
        if second == 60:
            made.append(Sample("probe", at, missing="no file descriptors"))
        elif second in (126, 133, 140):
            made.append(Sample("probe", at, ok=False, note="503 Service Unavailable"))
        else:
            made.append(Sample("probe", at, ok=True, value=ms))
        made.append(
            Sample("traffic", at, requests=100, errors=round(bad / 6), histogram=histogram(100, 40 + bad * 4))
        )
    return tuple(made)


def histogram(requests: int, p95_ms: float) -> tuple[int, ...]:
    """Most requests fast, and just over a twentieth in the bucket of `p95_ms`."""
    counts = [0] * BUCKETS
    slow = requests // 20 + 1
    counts[0] = requests - slow
    counts[next(i for i, edge in enumerate(HISTOGRAM_EDGES_MS) if edge >= p95_ms)] += slow
    return tuple(counts)
