"""The previous release on the migrated data: which of its queries breaks, and which ways back are open. Eleven
migrations of the kind that teams write, each rehearsed for real on PostgreSQL; and what of them SQLite knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.rehearsal.ground import a_place
from journeys.migrate.stage import Shop
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.model.release import BackupRecord
from postgres_server import Database, PostgresServer

pytestmark = pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there")


@dataclass(frozen=True)
class Scenario:
    """`fails`: the smoke tests that the previous release does not pass after it; `breaks`: one thing that its database
    refuses, the query and the words; `down`: whether the way down is open, or why not."""

    name: str
    up: str
    back: str
    fails: tuple[str, ...] = ()
    breaks: tuple[str, str] = ("", "")
    down: str = "open"
    slow: bool = False


ORDERS = "SELECT id, user_id, qty, note FROM orders ORDER BY id DESC LIMIT ?"
ORDER = "INSERT INTO orders (user_id, qty, note) VALUES (?, ?, ?)"
GUEST = "INSERT INTO orders (user_id, qty, note) VALUES (?, ?, NULL)"
MORE = "UPDATE orders SET qty = qty + ? WHERE id = ?"
SCENARIOS = (
    Scenario(
        "add nullable", "ALTER TABLE orders ADD COLUMN gift text;", "ALTER TABLE orders DROP COLUMN gift;"
    ),
    Scenario(
        "add not null with default",
        "ALTER TABLE orders ADD COLUMN gift boolean NOT NULL DEFAULT false;",
        "ALTER TABLE orders DROP COLUMN gift;",
        slow=True,
    ),
    Scenario(
        "integer to bigint",
        "ALTER TABLE orders ALTER COLUMN qty TYPE bigint;",
        "ALTER TABLE orders ALTER COLUMN qty TYPE integer;",
        slow=True,
    ),
    Scenario(
        "rename table, with a view of the old name",
        "ALTER TABLE orders RENAME TO purchases;\nCREATE VIEW orders AS SELECT * FROM purchases;",
        "DROP VIEW orders;\nALTER TABLE purchases RENAME TO orders;",
    ),
    Scenario(
        "add not null, then drop its default",
        "ALTER TABLE orders ADD COLUMN gift boolean NOT NULL DEFAULT false;\n"
        "ALTER TABLE orders ALTER COLUMN gift DROP DEFAULT;",
        "ALTER TABLE orders DROP COLUMN gift;",
        fails=("order", "guest"),
        breaks=(ORDER, 'null value in column "gift" of relation "orders" violates not-null constraint'),
    ),
    Scenario(
        "rename column",
        "ALTER TABLE orders RENAME COLUMN qty TO amount;",
        "ALTER TABLE orders RENAME COLUMN amount TO qty;",
        fails=("orders", "order", "guest", "more"),
        breaks=(ORDERS, 'column "qty" does not exist'),
    ),
    Scenario(
        "drop column",
        "ALTER TABLE orders DROP COLUMN note;",
        "ALTER TABLE orders ADD COLUMN note text;",
        fails=("orders", "order", "guest"),
        breaks=(ORDERS, 'column "note" does not exist'),
        down="the way down loses data: ",
    ),
    Scenario(
        "set not null",
        "ALTER TABLE orders ALTER COLUMN note SET NOT NULL;",
        "ALTER TABLE orders ALTER COLUMN note DROP NOT NULL;",
        fails=("guest",),
        breaks=(GUEST, 'null value in column "note" of relation "orders" violates not-null constraint'),
        slow=True,
    ),
    Scenario(
        "new foreign key",
        "ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users (id);",
        "ALTER TABLE orders DROP CONSTRAINT of_user;",
        fails=("guest",),
        breaks=(GUEST, 'insert or update on table "orders" violates foreign key constraint "of_user"'),
        slow=True,
    ),
    Scenario(
        "delete rows, and a stricter check",
        "DELETE FROM orders WHERE qty < 2;\nALTER TABLE orders ADD CONSTRAINT at_least_one CHECK (qty > 0);",
        "ALTER TABLE orders DROP CONSTRAINT at_least_one;",
        fails=("guest",),
        breaks=(GUEST, 'new row for relation "orders" violates check constraint "at_least_one"'),
        down="the way down loses data: ",
        slow=True,
    ),
    Scenario(
        "integer to text",
        "ALTER TABLE orders ALTER COLUMN qty TYPE text;",
        "ALTER TABLE orders ALTER COLUMN qty TYPE integer USING qty::integer;",
        fails=("more",),
        breaks=(MORE, "operator does not exist: text + integer"),
        slow=True,
    ),
)


@pytest.fixture(scope="module")
def shop(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Shop, BackupRecord]]:
    """One live shop, one backup, one restored database: each scenario has copies."""
    name = "shop_of_old_releases"
    postgres_server.query(f"CREATE DATABASE {name}")
    try:
        with a_place() as folder:
            shop = Shop(folder, Database(postgres_server, name))
            backup = shop.backup()
            with shop.restored_once(backup):
                yield shop, backup
    finally:
        postgres_server.query(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    "scenario",
    [pytest.param(s, id=s.name, marks=[pytest.mark.slow] if s.slow else []) for s in SCENARIOS],
)
def test_on_postgresql_it_says_which_query_breaks_and_which_ways_back_are_open(
    shop: tuple[Shop, BackupRecord], scenario: Scenario
) -> None:
    stage, backup = shop
    candidate = stage.candidate(scenario.up, scenario.back)
    facts = stage.try_out(backup, candidate, fast=True)
    said_as_it_should_be(facts, scenario)
    assert facts["database"] == "postgresql"


def said_as_it_should_be(facts: Mapping[str, Any], scenario: Scenario) -> None:
    """The whole verdict on one scenario."""
    assert facts["booted"], facts
    old, new = facts["old"], facts["new"]
    assert (new["tried"], new["works"]) == (True, True), new
    assert (old["tried"], old["works"]) == (True, not scenario.fails), old
    assert tuple(old["failed"]) == scenario.fails
    ways = {way["way"]: way for way in facts["ways"]}
    if scenario.fails:
        query, error = scenario.breaks
        assert {"query": query, "error": error} in old["broken"], old["broken"]
        first = old["broken"][0]
        assert old["query"] == (first["query"] or first["error"])
        assert facts["stops"] == [ways["code alone"]["why"]]
        assert first["query"] in facts["stops"][0] and first["error"] in facts["stops"][0]
        assert facts["advice"][0].startswith("make the change in two releases")
    else:
        assert facts["stops"] == []
    assert ways["code alone"]["is_open"] is (not scenario.fails)
    is_open = scenario.down == "open"
    assert ways["down"]["is_open"] is is_open, ways["down"]
    if not is_open:
        assert ways["down"]["why"].startswith(scenario.down)
    assert ways["restore"]["is_open"]
    expected = "code alone" if not scenario.fails else "down" if is_open else "restore"
    assert facts["way"] == expected
    assert all(way["seconds"] > 0 for way in ways.values() if way["is_open"])


OF_SQLITE = (
    Scenario(
        "rename column",
        "ALTER TABLE orders RENAME COLUMN qty TO amount;",
        "ALTER TABLE orders RENAME COLUMN amount TO qty;",
        fails=("orders", "order", "guest", "more"),
        breaks=("", "no such column: qty"),
    ),
    Scenario(
        "drop column",
        "ALTER TABLE orders DROP COLUMN note;",
        "ALTER TABLE orders ADD COLUMN note text;",
        fails=("orders", "order", "guest"),
        breaks=("", "no such column: note"),
        down="the way down loses data: ",
    ),
    Scenario(
        "required column without a default for new rows",
        """
        CREATE TABLE orders_new (id integer PRIMARY KEY, user_id integer, qty integer NOT NULL, note text,
            gift integer NOT NULL);
        INSERT INTO orders_new SELECT id, user_id, qty, note, 0 FROM orders;
        DROP TABLE orders;
        ALTER TABLE orders_new RENAME TO orders;
        """,
        "ALTER TABLE orders DROP COLUMN gift;",
        fails=("order", "guest"),
        breaks=("", "NOT NULL constraint failed: orders.gift"),
    ),
    Scenario(
        "delete rows",
        "DELETE FROM orders WHERE qty < 2;",
        "SELECT 1;",
        down="the way down loses data: 1 row of orders is gone",
    ),
)


@pytest.mark.parametrize("scenario", [pytest.param(each, id=each.name) for each in OF_SQLITE])
def test_on_sqlite_it_says_so_too(scenario: Scenario) -> None:
    with a_place() as folder:
        stage = Shop(folder)
        backup = stage.backup()
        facts = stage.try_out(backup, stage.candidate(scenario.up, scenario.back), fast=True)
    said_as_it_should_be(facts, scenario)
    assert facts["database"] == "sqlite"
