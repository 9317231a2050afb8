"""What does a rehearsal of migrations cost over a plain restore and apply, and is the wait that it predicts the one?

python -m bench.rehearsal --rounds 5 [--size small] [--write]
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import psycopg

from bench.common import BUSY_AT_START, median, number, table, write_entry
from bench.rehearsal_data import POSTGRES, SQLITE, ask, cluster, dumped, file_shop, restored, shop, written
from mobius.adapters.databases.postgres_address import Address
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.trial.trying import tried
from mobius.model.trial import Trial

QUESTION = """\
A rehearsal over a plain restore and apply, as ratios of those within a round (medians; every way once in each round, in
turn). PostgreSQL: a dump of three tables restored by `pg_restore -j2` into a cluster that runs, then four migrations:
plain by psycopg, or tried on copies with onlookers, rows and schemas compared, the way down tried; full is with the run
behind an open query. SQLite: the file copied, then three migrations. No release is started. Processor: the same ratios
of what all processes together had of it, servers included; other work on the machine changes that less. Waits: the
longest that a rehearsal predicts beside the longest that 20 readers and writers a second had when
the same migrations ran once more (medians; the ratio is the median of the ratios). Goals: full ≤ 2.0, fast ≤ 1.3;
predicted within ± 20 %."""
GOALS = {"full": 2.0, "fast": 1.3}
WITHIN = 0.2
SHARES = {"full": 1.0, "small": 0.05}
WAYS = ("plain", "fast", "full")
HEADER = ("Rehearsal", "Plain, s", "Fast, s", "Full, s", "Fast / plain", "Full / plain")


def main() -> None:
    options = arguments()
    share = SHARES[options.size]
    with tempfile.TemporaryDirectory(prefix="mobius-bench-") as name:
        place = Path(name)
        place.chmod(0o755)
        rows, waits = on_postgres(place, share, options.rounds)
        rows += on_sqlite(place, share, options.rounds)
    report = "\n\n".join(
        [
            table([*HEADER, "Fast, processor", "Full, processor"], rows),
            table(["Longest wait", "Predicted, s", "Second run, s", "Ratio"], [waits]),
            f"{options.rounds} round(s), size {options.size}.",
        ]
    )
    print(report)
    if options.write:
        write_entry("rehearsal", QUESTION, report)
    print(f"load {BUSY_AT_START:.1f} before")


def on_postgres(place: Path, share: float, rounds: int) -> tuple[list[list[str]], list[str]]:
    """A row of the table of costs, and one of the table of waits."""
    folder = written(place / "postgres", POSTGRES)
    with cluster(place / "root") as postgres:
        address = shop(postgres, share)
        size_mb = _value(address, "SELECT pg_database_size(current_database())") / 1e6
        dump = dumped(address, place / "dump")
        ask(postgres, "DROP DATABASE shop")
        target = postgres.at("copy")

        def once(way: str) -> float:
            began = time.perf_counter()
            restored(dump, target)
            if way == "plain":
                apply(target, folder)
            else:
                _tried(Target("postgresql", address=target), folder, place, fast=way == "fast")
            took = time.perf_counter() - began
            ask(postgres, f"DROP DATABASE {target.database} WITH (FORCE)")
            return took

        row = _in_turn(f"PostgreSQL, {size_mb:.0f} MB", once, rounds)
        waits = [_waited(dump, target, folder, place) for _ in range(rounds)]
        ratio = _ratio([felt for _, felt in waits], [predicted for predicted, _ in waits])
        predicted, felt = (median(times) for times in zip(*waits, strict=True))
        return [row], ["PostgreSQL", number(predicted, 3), number(felt, 3), number(ratio, 2)]


def _waited(dump: Path, target: Address, folder: Path, place: Path) -> tuple[float, float]:
    """The longest wait that a fast rehearsal predicts, and the one that users have right after it; in seconds."""
    restored(dump, target)
    trial = _tried(Target("postgresql", address=target), folder, place, fast=True)
    predicted = max(max(each.read_blocked_s, each.write_blocked_s) for each in trial.statements)
    felt = felt_by_users(target, folder)
    ask(target.at("postgres"), f"DROP DATABASE {target.database} WITH (FORCE)")
    print(f"PostgreSQL, longest wait: predicted {predicted:.3f} s, then {felt:.3f} s", flush=True)
    return predicted, felt


def on_sqlite(place: Path, share: float, rounds: int) -> list[list[str]]:
    folder = written(place / "sqlite", SQLITE)
    backup, copy = file_shop(place / "shop.db", share), place / "copy.db"
    room = place / "room"
    room.mkdir()

    def once(way: str) -> float:
        began = time.perf_counter()
        shutil.copyfile(backup, copy)
        target = Target("sqlite", path=copy)
        if way == "plain":
            with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as db:
                for path in sorted(folder.glob("*[a-z].sql")):
                    if not path.name.endswith(".down.sql"):
                        db.executescript(f"BEGIN; {path.read_text()} COMMIT;")
        else:
            _tried(target, folder, room, fast=way == "fast")
        took = time.perf_counter() - began
        for path in place.glob("copy.db*"):
            path.unlink()
        return took

    return [_in_turn(f"SQLite, {backup.stat().st_size / 1e6:.0f} MB", once, rounds)]


def _in_turn(name: str, once: Callable[[str], float], rounds: int) -> list[str]:
    took: dict[str, list[float]] = {way: [] for way in WAYS}
    spent: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(rounds):
        for at in range(len(WAYS)):
            way = WAYS[(turn + at) % len(WAYS)]
            before_s = processor_s()
            took[way].append(once(way))
            spent[way].append(processor_s() - before_s)
            print(
                f"{name}, round {turn + 1}, {way}: {took[way][-1]:.2f} s, {spent[way][-1]:.2f} s of processor",
                flush=True,
            )
    ratios = {way: _ratio(took[way], took["plain"]) for way in GOALS}
    for way, goal in GOALS.items():
        if ratios[way] > goal:
            print(f"MISSED: {name}: {way} {ratios[way]:.2f} × of plain (goal ≤ {goal})")
    figures = [median(took[way]) for way in WAYS]
    figures += [ratios["fast"], ratios["full"]]
    figures += [_ratio(spent[way], spent["plain"]) for way in ("fast", "full")]
    return [name, *(number(figure, 2) for figure in figures)]


def _ratio(some: Sequence[float], plain: Sequence[float]) -> float:
    return median([one / other for one, other in zip(some, plain, strict=True)])


def processor_s() -> float:
    """What this process has used of processors until now, with everything that it started."""
    mine = [psutil.Process(), *psutil.Process().children(recursive=True)]
    used = 0.0
    for process in mine:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


def _tried(target: Target, folder: Path, place: Path, *, fast: bool) -> Trial:
    with tried(
        SqlSource(),
        folder,
        target,
        fast=fast,
        runner=None,
        place=place,
        progress=lambda _: None,
        handed_on=False,
    ) as found:
        failed = [each.error for each in found.trial.statements if each.error]
        if failed or not found.trial.down.there or found.trial.down.error:
            raise SystemExit(f"the trial failed: {failed or found.trial.down}")
        return found.trial


def apply(address: Address, folder: Path) -> None:
    """As by hand: a transaction for each file."""
    with psycopg.connect(**address.parameters, **address.secrets, autocommit=True) as db:  # type: ignore[arg-type]
        for path in sorted(folder.glob("*.sql")):
            if not path.name.endswith(".down.sql"):
                with db.transaction():
                    db.execute(path.read_bytes())


def felt_by_users(address: Address, folder: Path) -> float:
    """The longest wait of a reader or a writer of any table while the migrations run."""
    done, longest = threading.Event(), [0.0]

    def use(sql: bytes) -> None:
        with psycopg.connect(**address.parameters, **address.secrets, autocommit=True) as db:  # type: ignore[arg-type]
            while not done.wait(0.05):
                began = time.perf_counter()
                db.execute(sql)
                longest[0] = max(longest[0], time.perf_counter() - began)

    queries = [
        text.encode()
        for name in ("users", "orders", "items")
        for text in (
            f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT 1) one",
            f"UPDATE {name} SET id = id WHERE id = 0",
        )
    ]
    threads = [threading.Thread(target=use, args=(query,), daemon=True) for query in queries]
    for thread in threads:
        thread.start()
    apply(address, folder)
    done.set()
    for thread in threads:
        thread.join(60)
    return longest[0]


def _value(address: Address, sql: str) -> float:
    with psycopg.connect(**address.parameters, **address.secrets) as db:  # type: ignore[arg-type]
        row = db.execute(sql.encode()).fetchone()
    assert row is not None
    return float(row[0])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SHARES, default="full", help="of the data (full)")
    parser.add_argument("--rounds", type=int, default=5, help="of every way once (5)")
    parser.add_argument("--write", action="store_true", help="add the result to bench/RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
