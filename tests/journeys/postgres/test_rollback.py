"""Back with the data of a PostgreSQL server: what would be lost is said, kept and listed, and nothing else is lost."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from journeys.kill.field import Field, Strike, kept_well
from journeys.service import Service, wait_until
from postgres_server import Database

pytestmark = pytest.mark.journey

DATABASE = '\n[[database]]\nname = "orders"\nurl_env = "ORDERS_URL"\n'


class Shop(Service):
    """Its sales are in PostgreSQL, with a second line that has no key."""

    def __init__(self, folder: Path, orders: Database, **how: Any) -> None:
        orders.execute("CREATE TABLE sale (id serial PRIMARY KEY, item text, paid boolean DEFAULT false)")
        orders.execute("CREATE TABLE line (item text)")
        self.orders = orders
        environ = {"ORDERS_URL": orders.url}
        super().__init__(folder, web=(sys.executable, "sales.py"), more=DATABASE, environ=environ, **how)

    def add_release(self, tag: str, *, migrations: int = 1, **behaviour: Any) -> Path:
        place = super().add_release(tag, migrations=migrations, **behaviour)
        shutil.copy(Path(__file__).with_name("sales.py"), place)
        return place

    def sell(self) -> str:
        """A sale with a name of its own."""
        item = uuid.uuid4().hex
        answer = self.post(item.encode())
        assert (answer["code"], answer["stored"]) == (200, item)
        return item

    def items(self, of: str = "") -> list[str]:
        """What was sold, in the live database or another one of its server."""
        database = Database(self.orders.server, of or self.orders.name)
        return [row[0] for row in database.execute("SELECT item FROM sale ORDER BY id")]

    def beside(self, word: str) -> list[str]:
        """Databases of the server that a rollback made."""
        return [n for n in self.orders.server.databases() if n.startswith(f"{self.orders.name}_{word}_")]

    def newest_backup(self) -> str:
        return sorted(path.name for path in (self.folder / "backups").glob("probe_*_*.zip"))[-1]

    def event(self, kind: str) -> dict[str, Any]:
        query = f"SELECT data FROM events WHERE kind = '{kind}' ORDER BY seq DESC LIMIT 1"
        found: dict[str, Any] = json.loads(self.journal(query)[0][0])
        return found


@contextmanager
def customers(shop: Shop) -> Iterator[list[str]]:
    """Buy all the time; the items whose sale was answered with a yes. Any other answer is a failure."""
    sold: list[str] = []
    problems: list[BaseException] = []
    done = threading.Event()

    def buy() -> None:
        while not done.is_set():
            try:
                sold.append(shop.sell())
            except BaseException as problem:
                problems.append(problem)
                return
            done.wait(0.05)

    threads = [threading.Thread(target=buy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(sold) > 5, what="sales")
        yield sold
    finally:
        done.set()
        for thread in threads:
            thread.join(90)
    assert problems == []


def test_what_would_be_lost_is_said_by_table_kept_and_listed_and_nothing_else_is_lost(
    tmp_path: Path, new_database: Callable[..., Database]
) -> None:
    with Shop(tmp_path / "shop", new_database("orders"), window="10m", alone=False) as shop:
        for tag in ("v1", "v2"):
            shop.add_release(tag)
        shop.mobius("deploy", "--tag", "v1", "--detach", "--quiet", expect=0)
        shop.mobius("accept", expect=0)
        first = [shop.sell() for _ in range(5)]
        shop.mobius("deploy", "--tag", "v2", "--detach", "--quiet", expect=0)
        backup = shop.newest_backup()
        since = [shop.sell() for _ in range(3)]
        shop.orders.execute("UPDATE sale SET paid = true WHERE id = 2")
        shop.orders.execute("DELETE FROM sale WHERE id = 1")

        dry = shop.mobius("rollback", "--backup", backup, "--dry-run", "--json", expect=0).json["losing"]
        tables = {table["table"]: table for table in dry["tables"] if table["database"] == "orders"}
        sale, line = tables["public.sale"], tables["public.line"]
        assert (sale["added"], sale["changed"], sale["removed"], sale["rows_now"]) == (3, 1, 1, 7)
        assert (line["rows_then"], line["rows_now"], line["counted_only"]) == (5, 8, "it has no primary key")
        asked = shop.mobius("rollback", "--backup", backup, expect=2)
        assert "public.sale: 3 added, 1 changed, 1 removed (of 7 rows)" in " ".join(asked.err.split())
        assert shop.items() == [*first[1:], *since] and shop.beside("before") == []

        with customers(shop) as sold:
            shop.mobius("rollback", "--backup", backup, "--yes", "--quiet", expect=0)
            back = len(sold)
            wait_until(lambda: len(sold) > back + 5, what="sales after it")

        assert shop.get()["release"] == "v1"
        in_order = [
            row[0] for row in shop.journal("SELECT step_id FROM steps WHERE run_id = 3 ORDER BY begun_at")
        ]
        positions = [
            next(number for number, step in enumerate(in_order) if step.endswith(name))
            for name in (
                *("emergency-backup", "prepare-data", "hold", "restore-data", "start"),
                *("await-healthy", "switch", "release-hold", "list-lost"),
            )
        ]
        assert positions == sorted(positions), in_order
        live = shop.items()
        assert live[:5] == first, "what the backup had is back"
        [kept] = shop.beside("before")
        assert shop.beside("ready") == shop.beside("part") == []
        replaced = shop.items(kept)
        assert set(replaced) & set(live) == set(first[1:])
        assert set(sold) <= {*live, *replaced}, "no sale that was answered is gone"
        # Row by row what the live data has not any more.
        text = (shop.folder / "premerge_artifacts" / "lost-rows.jsonl").read_text()
        rows = [row for row in map(json.loads, text.splitlines()) if row["table"] == "public.sale"]
        listed = [(row["change"], row["row"]["item"]) for row in rows if not row["late"]]
        assert {item for change, item in listed if change == "added"} == set(replaced) - set(first)
        assert ("changed", first[1]) in listed and ("removed", first[0]) in listed
        lost = shop.event("lost")
        assert lost["untold"] == {"public.line in orders": "it has no primary key"}
        assert lost["late"] == len([row for row in map(json.loads, text.splitlines()) if row["late"]])
        # The emergency backup has all but what came late.
        emergency = shop.folder / "backups" / lost["emergency"]
        told = json.loads(shop.mobius("backup", "list", "--json", expect=0).out.splitlines()[0])
        assert told["name"] == emergency.name
        had = told["metadata"]["postgresql"]["orders"]["tables"]["public.sale"]
        assert had == len(replaced) - len([row for row in rows if row["late"]])
        assert lost["get_back"].endswith(" --only data/shared/data --only databases/orders")
        shop.mobius(*lost["get_back"].split()[1:], "--to", "was", expect=0)
        assert (shop.folder / "was" / "databases" / "orders" / "dump" / "toc.dat").is_file()
        assert shop.event("held")["turned_away"] == 0


@pytest.fixture
def ground(tmp_path: Path, new_database: Callable[..., Database]) -> Iterator[Field]:
    with kept_well(
        lambda: Field(Shop(tmp_path / "shop", new_database("orders"), window="10m", interval="200ms")),
        Field.begin_and_watch,
    ) as present:
        yield present()


@pytest.mark.slow
def test_wherever_its_runner_is_killed_the_database_is_exchanged_once(ground: Field) -> None:
    """At the end of a step that is not written down yet: what is there is looked at, and not done twice."""
    shop = ground.service
    assert isinstance(shop, Shop)
    for kills, action in enumerate(("prepare-data", "restore-data", "start"), 1):
        back_to, before = ground.live, [*shop.items(), shop.sell()]
        shop.mobius("deploy", "--tag", ground.next_tag(), "--detach", "--quiet", expect=0)
        after = shop.sell()
        ground.strike(
            Strike(label=f"done return-*-{action}", when="before"),
            *("rollback", "--backup", shop.newest_backup(), "--yes"),
        )
        ground.assert_all_is_well(back_to, states=("accepted", "observing"), switches=1)
        assert ground.has_struck(), action
        assert shop.items() == before, action
        kept = shop.beside("before")
        assert len(kept) == kills and shop.beside("ready") == shop.beside("part") == [], action
        assert sorted(item for name in kept for item in shop.items(name) if item == after) == [after]
        shop.mobius("accept", expect=0)
