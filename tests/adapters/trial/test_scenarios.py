"""Twenty migrations as teams write them, each on a table of its own: locks, rewrites, who waits, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.trial.trying import tried
from mobius.model.trial import Booted, Trial, TrialStatement
from mobius.rules.migrations import lint
from mobius.rules.trials import judge_trial
from postgres_server import Database, PostgresServer

WORKS = Booted(True, True, seconds=1.0)
NOBODY, WRITERS, EVERYBODY = "nobody", "writers", "everybody"


@dataclass(frozen=True)
class Scenario:
    """`up` runs on the table `t_NAME` after `first`; `waits` is who cannot go on for most of it."""

    name: str
    up: str
    mode: str
    waits: str
    rewrites: bool = False
    first: str = ""
    safe: bool = False  # proven: nothing may be said against it
    error: str = ""


SCENARIOS = (
    Scenario("index", "CREATE INDEX i_index ON t (nick)", "Share", WRITERS),
    Scenario(
        "concurrently", "CREATE INDEX CONCURRENTLY i_concurrently ON t (nick)", "ShareUpdateExclusive", NOBODY
    ),
    Scenario(
        "constant", "ALTER TABLE t ADD paid boolean NOT NULL DEFAULT false", "AccessExclusive", NOBODY, safe=True
    ),
    Scenario(
        "volatile", "ALTER TABLE t ADD token uuid DEFAULT gen_random_uuid()", "AccessExclusive", EVERYBODY, True
    ),
    Scenario("bigint", "ALTER TABLE t ALTER id TYPE bigint", "AccessExclusive", EVERYBODY, True),
    Scenario("wider", "ALTER TABLE t ALTER name TYPE varchar(60)", "AccessExclusive", NOBODY, safe=True),
    Scenario("text", "ALTER TABLE t ALTER name TYPE text", "AccessExclusive", NOBODY, safe=True),
    Scenario("not_null", "ALTER TABLE t ALTER nick SET NOT NULL", "AccessExclusive", EVERYBODY),
    Scenario(
        "not_null_proven",
        "ALTER TABLE t ALTER nick SET NOT NULL",
        "AccessExclusive",
        NOBODY,
        first="ALTER TABLE t ADD CHECK (nick IS NOT NULL)",
        safe=True,
    ),
    Scenario("key", "ALTER TABLE t ADD FOREIGN KEY (score) REFERENCES scores (id)", "ShareRowExclusive", WRITERS),
    Scenario(
        "key_not_valid",
        "ALTER TABLE t ADD FOREIGN KEY (score) REFERENCES scores (id) NOT VALID",
        "ShareRowExclusive",
        NOBODY,
    ),
    Scenario("check_not_valid", "ALTER TABLE t ADD CHECK (score >= 0) NOT VALID", "AccessExclusive", NOBODY),
    Scenario(
        "validate",
        "ALTER TABLE t VALIDATE CONSTRAINT positive",
        "ShareUpdateExclusive",
        NOBODY,
        first="ALTER TABLE t ADD CONSTRAINT positive CHECK (score >= 0) NOT VALID",
    ),
    Scenario("unique", "ALTER TABLE t ADD UNIQUE (nick)", "AccessExclusive", EVERYBODY),
    Scenario("bigserial", "ALTER TABLE t ADD n bigserial", "AccessExclusive", EVERYBODY, True),
    Scenario("update", "UPDATE t SET score = score + 1", "RowExclusive", NOBODY),
    Scenario(
        "filled", "ALTER TABLE t ADD grade int; UPDATE t SET grade = score", "AccessExclusive", EVERYBODY
    ),
    Scenario("rename", "ALTER TABLE t RENAME nick TO handle", "AccessExclusive", NOBODY),
    Scenario("vacuum", "VACUUM FULL t", "AccessExclusive", EVERYBODY, True),
    Scenario(
        "violated", "ALTER TABLE t ADD CONSTRAINT c CHECK (score > 3)", "AccessExclusive", NOBODY, error="c"
    ),
)  # fmt: skip


def named(text: str, scenario: Scenario) -> str:
    """The text with the table of this scenario."""
    words = text.replace("(", " ( ").replace(";", " ;").split(" ")
    return " ".join(f"t_{scenario.name}" if word == "t" else word for word in words)


def filled(database: Database, rows: int) -> None:
    """A table for each scenario."""
    database.execute("CREATE TABLE scores (id int PRIMARY KEY)")
    database.execute("INSERT INTO scores SELECT generate_series(0, 200)")
    database.execute("CREATE TABLE like_this (id int PRIMARY KEY, name varchar(20), nick text, score int)")
    database.execute(
        f"INSERT INTO like_this SELECT i, 'n' || i, 'nick' || i, i % 100 FROM generate_series(1, {rows}) i"
    )
    for scenario in SCENARIOS:
        database.execute(f"CREATE TABLE t_{scenario.name} (LIKE like_this INCLUDING ALL)")
        database.execute(f"INSERT INTO t_{scenario.name} SELECT * FROM like_this")
        if scenario.first:
            database.execute(named(scenario.first, scenario))
    database.execute("DROP TABLE like_this")
    database.execute("VACUUM ANALYZE")


def trial_of(database: Database, folder: Path) -> Trial:
    """All of them, one after the other."""
    for number, scenario in enumerate(SCENARIOS):
        text = named(scenario.up, scenario)
        (folder / f"{number + 1:03}_{scenario.name}.sql").write_text(f"SET lock_timeout = '2s';\n{text};\n")
    target = Target("postgresql", address=parsed("shop", database.url))
    with tried(
        SqlSource(), folder, target, fast=True, runner=None, place=folder, progress=lambda _: None
    ) as found:
        return found.trial


@pytest.fixture(scope="module")
def small(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """On 2,000 rows a table."""
    yield from _tried(postgres_server, "small_scenarios", 2_000, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """On 150,000 rows a table: three million."""
    yield from _tried(postgres_server, "large_scenarios", 150_000, tmp_path_factory.mktemp("large"))


def _tried(server: PostgresServer, name: str, rows: int, folder: Path) -> Iterator[Trial]:
    server.query(f"CREATE DATABASE {name}")
    try:
        filled(Database(server, name), rows)
        yield trial_of(Database(server, name), folder)
    finally:
        server.query(f"DROP DATABASE {name} WITH (FORCE)")


def of(trial: Trial, scenario: Scenario) -> list[TrialStatement]:
    found = [each for each in trial.statements if each.migration.endswith(f"_{scenario.name}")]
    return [each for each in found if not each.text.startswith("SET")]


def strongest(trial: Trial, scenario: Scenario) -> set[str]:
    locks = [lock for each in of(trial, scenario) for lock in each.locks]
    return {lock.mode.removesuffix("Lock") for lock in locks if lock.relation == f"t_{scenario.name}"}


by_name = pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.name for each in SCENARIOS])
LOCKED = [each for each in SCENARIOS if not each.error and each.name not in ("concurrently", "vacuum")]


@pytest.mark.parametrize("scenario", LOCKED, ids=[each.name for each in LOCKED])
def test_the_lock_is_the_one_that_the_manual_names(small: Trial, scenario: Scenario) -> None:
    assert scenario.mode in strongest(small, scenario)


@by_name
def test_what_is_written_anew_is_told_and_nothing_else(small: Trial, scenario: Scenario) -> None:
    rewritten = {name for each in of(small, scenario) for name in each.rewrites}
    table = f"t_{scenario.name}"
    assert rewritten == ({table, f"{table}_pkey"} if scenario.rewrites else set())


@by_name
def test_the_one_that_the_data_violates_fails_and_no_other(small: Trial, scenario: Scenario) -> None:
    errors = [each.error for each in of(small, scenario) if each.error]
    violated = f'check constraint "{scenario.error}" of relation "t_{scenario.name}" is violated by some row'
    assert errors == ([violated] if scenario.error else [])


def test_the_verdict_stops_for_the_one_that_fails_and_for_nothing_else(small: Trial) -> None:
    stops = judge_trial(small, old=WORKS, new=WORKS).stops
    assert len(stops) == 1
    assert 't_violated" is violated' in stops[0]


SAFE = [each for each in SCENARIOS if each.safe]


@pytest.mark.parametrize("scenario", SAFE, ids=[each.name for each in SAFE])
def test_nothing_is_said_against_what_is_proven_safe(small: Trial, scenario: Scenario) -> None:
    text = f"SET lock_timeout = '2s';\n{named(scenario.up, scenario)};\n"
    assert lint(text, known=small.known).findings == ()
    reasons = judge_trial(small, old=WORKS, new=WORKS).reasons
    assert [reason for reason in reasons if f"t_{scenario.name} " in reason] == []


@pytest.mark.slow
@by_name
def test_who_waits_and_for_how_long_at_a_size_that_matters(large: Trial, scenario: Scenario) -> None:
    ran = of(large, scenario)
    longest = max(ran, key=lambda each: each.seconds)
    read, write = longest.read_blocked_s, longest.write_blocked_s
    if scenario.waits == NOBODY:
        assert max(read, write) < max(0.1, 0.3 * longest.seconds)
    elif scenario.waits == WRITERS:
        assert read < max(0.1, 0.3 * longest.seconds)
        assert write > 0.5 * longest.seconds
    else:
        assert min(read, write) > 0.5 * longest.seconds


@pytest.mark.slow
@by_name
def test_the_lock_of_what_takes_long_is_seen_whoever_commits(large: Trial, scenario: Scenario) -> None:
    assert scenario.mode in strongest(large, scenario) or scenario.error
