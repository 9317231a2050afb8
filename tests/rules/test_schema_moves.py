"""Whether a release fits the schema as it is: a table of what runs did, oldest first, and what is said of v7."""

from __future__ import annotations

import pytest

from mobius.model.proven import Fit
from mobius.rules.schema_moves import Migrated, Moment, Restored, TookDown, WasLive, fit_for

V7, V8, V9 = "v7-77", "v8-88", "v9-99"
RENAME, INDEX = "8_rename", "9_index"
WHY = "no such column: nick"
MADE_LIVE = WasLive(7, V7)
RENAMED, NEXT_LIVE = Migrated(8, (RENAME,)), WasLive(8, V8)
SEEN_TO_FAIL = Migrated(8, (RENAME,), V7, works=False, why=WHY, at=8.0)
SEEN_TO_WORK = Migrated(8, (RENAME,), V7, works=True, at=8.0)
FAILS = Fit((RENAME,), fails=True, why=WHY, run_id=8)
AFTER_V8 = (Migrated(9, (INDEX,), V8, works=True, at=9.0), WasLive(9, V9))

CASES: dict[str, tuple[tuple[Moment, ...], Fit]] = {
    "nobody knows of any run": ((), Fit()),
    "nothing was migrated since": ((MADE_LIVE, NEXT_LIVE), Fit()),
    "migrations before it was live do not count": ((RENAMED, WasLive(8, V7), WasLive(9, V9)), Fit()),
    "one was applied and nobody tried it": ((MADE_LIVE, RENAMED, NEXT_LIVE), Fit((RENAME,))),
    "it was seen to fail": ((MADE_LIVE, SEEN_TO_FAIL, NEXT_LIVE), FAILS),
    "it was seen to work": ((MADE_LIVE, SEEN_TO_WORK, NEXT_LIVE), Fit(works_at=8.0, run_id=8)),
    "a later release without migrations changes nothing": (
        (MADE_LIVE, SEEN_TO_FAIL, NEXT_LIVE, WasLive(9, V9)),
        FAILS,
    ),
    "it was seen to fail, and another followed": (
        (MADE_LIVE, SEEN_TO_FAIL, NEXT_LIVE, *AFTER_V8),
        Fit((RENAME, INDEX), fails=True, why=WHY, run_id=8),
    ),
    "it was seen to work, and another followed": (
        (MADE_LIVE, SEEN_TO_WORK, NEXT_LIVE, *AFTER_V8),
        Fit((INDEX,)),
    ),
    "what it failed on was taken back": ((MADE_LIVE, SEEN_TO_FAIL, NEXT_LIVE, TookDown(8, (RENAME,))), Fit()),
    "of two, the one it failed on was taken back": (
        (MADE_LIVE, SEEN_TO_FAIL, TookDown(8, (RENAME,)), *AFTER_V8),
        Fit((INDEX,)),
    ),
    "what was taken back was applied again": (
        (MADE_LIVE, SEEN_TO_FAIL, TookDown(8, (RENAME,)), Migrated(9, (RENAME,))),
        FAILS,
    ),
    "what it needs was taken back": (
        (Migrated(7, (RENAME,)), MADE_LIVE, TookDown(8, (RENAME,))),
        Fit((f"{RENAME} taken back",)),
    ),
    "data of before the migration came back": (
        (MADE_LIVE, SEEN_TO_FAIL, NEXT_LIVE, Restored(9, "run8.zip", 8), WasLive(9, V8)),
        Fit(),
    ),
    "data of after the migration came back": (
        (MADE_LIVE, SEEN_TO_FAIL, NEXT_LIVE, *AFTER_V8, Restored(10, "run9.zip", 9)),
        FAILS,
    ),
    "it was live only on data that is not there any more": (
        (WasLive(6, V9), Migrated(7, (RENAME,)), MADE_LIVE, Restored(8, "run7.zip", 7), WasLive(8, V9)),
        Fit((f"{RENAME} taken back",)),
    ),
    "data of nobody knows when came back": (
        (MADE_LIVE, NEXT_LIVE, Restored(9, "old.zip", None)),
        Fit(("the data of old.zip",)),
    ),
    "it came back, and was accepted": ((MADE_LIVE, SEEN_TO_FAIL, NEXT_LIVE, WasLive(9, V7)), Fit()),
    "it came back in an emergency, and nobody accepted it": (
        (MADE_LIVE, SEEN_TO_FAIL, NEXT_LIVE, WasLive(9, V7, surely=False), WasLive(10, V9)),
        FAILS,
    ),
    "it came back untried, and stood there until the next": (
        (MADE_LIVE, RENAMED, NEXT_LIVE, WasLive(9, V7, surely=False), WasLive(10, V9)),
        Fit(),
    ),
    "only what moved since it stood there last is named": (
        (MADE_LIVE, RENAMED, WasLive(8, V7, surely=False), Migrated(9, (INDEX,)), WasLive(9, V9)),
        Fit((INDEX,)),
    ),
    "a restart of it is it": ((WasLive(7, f"{V7}+2"), NEXT_LIVE), Fit()),
    "a restart of the next hides nothing": (
        (MADE_LIVE, SEEN_TO_FAIL, NEXT_LIVE, WasLive(9, f"{V8}+2"), WasLive(10, f"{V8}+3")),
        FAILS,
    ),
    "that another failed says nothing of it": (
        (MADE_LIVE, NEXT_LIVE, Migrated(9, (INDEX,), V8, works=False, why=WHY), WasLive(9, V9)),
        Fit((INDEX,)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_of_a_release_after_what_runs_did(case: str) -> None:
    happened, said = CASES[case]

    assert fit_for(V7, reversed(happened)) == said
    assert said.is_open == (not said.moved)
