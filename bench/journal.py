"""What does a step cost in the journal: two durable records, against two bare durable commits?

python -m bench.journal --rounds 200 [--folder DIR] [--write]
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.common import median, number, parser, table, write_entry
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.model.plan import Plan, Step
from mobius.model.run import Holder, Run

QUESTION = """\
`begun` and `done` of one step, each with its event, against two bare SQLite commits (WAL, `synchronous=FULL`, one
row each) on the same disk; interleaved, the median of the ratios within each round. Goal: at most 6 ms a step.
Reading a run and its new events is what a viewer does ten times a second, while another process writes."""
GOAL_MS = 6.0
STEP = Step("migrate", "migrate", "migrate", "Apply 0002_users.sql", {"directory": "migrations"})
RESULT = {"applied": ["0002_users.sql"], "took_s": 0.4, "digest": "ab" * 32}


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        bare_ms, step_ms, read_ms = measured(Path(folder), options.rounds)
    ratio = median([a / b for a, b in zip(step_ms, bare_ms, strict=True)])
    rows = [
        row("two bare commits", bare_ms, "1.00"),
        row("begun and done", step_ms, number(ratio, 2)),
        row("read a run and its news", read_ms, "–"),
    ]
    report = f"{options.rounds} rounds.\n\n" + table(
        ["What", "Median, ms", "p95, ms", "Best, ms", "Ratio"], rows
    )
    print(report)
    if options.write:
        write_entry("journal", QUESTION, report)
    if median(step_ms) > GOAL_MS:
        took = f"{median(step_ms):.1f} ms a step, {ratio:.2f} × two bare commits"
        raise SystemExit(f"FAILED: {took}; the goal is {GOAL_MS:g} ms")


def measured(folder: Path, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of each round: bare, a step, a read. The first ten rounds fill caches and are left out."""
    journal = SqliteJournal(folder / "journal.db")
    viewer = SqliteJournal(folder / "journal.db", read_only=True)
    run = opened(journal)
    bare_ms, step_ms, read_ms = [], [], []
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as sql:
        sql.execute("PRAGMA journal_mode = WAL")
        sql.execute("PRAGMA synchronous = FULL")
        sql.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data TEXT)")
        for turn in range(rounds + 10):
            if turn % 2:
                bare_ms.append(took_ms(lambda: two_commits(sql)))
            step_ms.append(took_ms(lambda: one_step(journal, run)))
            if not turn % 2:
                bare_ms.append(took_ms(lambda: two_commits(sql)))
            last = journal.events(run_id=run.id, after=2 * turn)[-1].seq
            read_ms.append(took_ms(lambda seq=last: look(viewer, run, seq - 2)))  # type: ignore[misc]
    journal.close()
    return bare_ms[10:], step_ms[10:], read_ms[10:]


def two_commits(sql: sqlite3.Connection) -> None:
    for _ in range(2):
        sql.execute("BEGIN IMMEDIATE")
        sql.execute("INSERT INTO t (data) VALUES (?)", ("x" * 200,))
        sql.execute("COMMIT")


def one_step(journal: SqliteJournal, run: Run) -> None:
    journal.begin(run, STEP, now=time.time())
    journal.done(run, STEP, RESULT, now=time.time())


def look(viewer: SqliteJournal, run: Run, after: int) -> None:
    viewer.run(run.id)
    viewer.events(run_id=run.id, after=after)


def took_ms(act: Callable[[], None]) -> float:
    began_s = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - began_s)


def opened(journal: SqliteJournal) -> Run:
    steps = tuple(Step(f"s{n}", "phase", "action", f"Step {n}", {"n": n}) for n in range(20))
    plan = Plan("deploy", "dhash", "production", "v2", "r2", "r1", "green", "blue", steps, (), ())
    holder = Holder("anna", "web1", 1, since=time.time())
    return journal.open_run("production", plan, lead="Anna", holder=holder, now=time.time())


def row(what: str, values_ms: list[float], ratio: str) -> list[str]:
    p95 = sorted(values_ms)[int(0.95 * len(values_ms))]
    return [what, number(median(values_ms), 2), number(p95, 2), number(min(values_ms), 2), ratio]


def arguments() -> argparse.Namespace:
    takes = parser(__doc__, rounds=200)
    takes.add_argument("--folder", type=Path, help="measure on this disk (default: where temporary files go)")
    return takes.parse_args()


if __name__ == "__main__":
    main()
