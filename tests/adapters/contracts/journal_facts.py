"""What the promises of a journal are tried with: plans, holders, runs and releases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mobius.model.plan import Plan, Repeat, Step, Way, WayBack
from mobius.model.release import Release, ReleaseState
from mobius.model.run import Holder, Run, RunState
from mobius.ports import Journal, Note

ANNA = Holder("anna", "web1", 4711, since=1_717_200_000.0, boot_id="b1")
BEN = Holder("ben", "laptop", 12, since=1_717_200_600.0)
STAGE = Step("stage", "stage", "stage_release", "Stage v2", {"tag": "v2"})
MIGRATE = Step("migrate", "migrate", "migrate", "Apply 0002", {"n": [1, 2]}, Repeat.ASK, 3.5)
BACK = WayBack(
    "after traffic", Way.CODE_ALONE, (Step("back", "back", "switch", "Switch back"),), 1.0, "nothing"
)
PLAN = Plan(
    "deploy",
    "dhash",
    "production",
    "v2",
    "r2",
    "r1",
    "green",
    "blue",
    (STAGE, MIGRATE),
    (BACK,),
    (),
    hash="abc",
)


def opened(
    journal: Journal, environment: str = "production", *, kind: str = "deploy", now: float = 100.0
) -> Run:
    return journal.open_run(environment, replace(PLAN, kind=kind), lead="Anna", holder=ANNA, now=now)


def moved(journal: Journal, run: Run, state: RunState, now: float = 101.0, **changes: Any) -> Run:
    return journal.move(run, state, Note("moved", f"now {state}"), now=now, **changes)


def kinds(journal: Journal, **which: Any) -> list[str]:
    return [event.kind for event in journal.events(**which)]


def release(
    release_id: str,
    *,
    state: ReleaseState = ReleaseState.STAGED,
    slot: str = "",
    staged_at: float = 0.0,
    live_since: float = 0.0,
    accepted: bool = False,
) -> Release:
    return Release(
        release_id,
        f"v-{release_id}",
        "c0ffee",
        "cd",
        "cf",
        "0002",
        state,
        slot,
        staged_at,
        live_since,
        accepted,
    )
