"""A service with files, an SQLite file and a PostgreSQL database: one release point of all three while they are
written to, and the way back to it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from journeys.service import Service, wait_until
from postgres_server import Database

pytestmark = pytest.mark.journey

DATABASE = """
[[database]]
name = "orders"
url_env = "ORDERS_URL"
"""


@pytest.fixture
def orders(new_database: Callable[..., Database]) -> Database:
    database = new_database("orders")
    database.execute("CREATE TABLE sale (id serial PRIMARY KEY, item text)")
    database.execute("CREATE TABLE stock (id serial PRIMARY KEY, sale int REFERENCES sale)")
    return database


@pytest.fixture
def service(new_service: Callable[..., Service], orders: Database) -> Service:
    """Its first release is live. Nobody but the environment knows the password."""
    url = orders.server.url(orders.name, password="never-to-be-seen")
    made = new_service(more=DATABASE, environ={"ORDERS_URL": url}, alone=False)
    made.add_release("v1")
    made.mobius("deploy", "--tag", "v1", expect=0)
    return made


@contextlib.contextmanager
def sales(orders: Database, service: Service) -> Iterator[list[int]]:
    """A writer that never rests: a sale and its stock in one transaction, a post to the service now and then."""
    committed, done = [0], threading.Event()

    def sell() -> None:
        with psycopg.connect(orders.url) as db:
            while not done.is_set():
                row = db.execute("INSERT INTO sale (item) VALUES (repeat('x', 200)) RETURNING id").fetchone()
                assert row is not None
                db.execute("INSERT INTO stock (sale) VALUES (%s)", [row[0]])
                db.commit()
                committed[0] += 1
                if committed[0] % 50 == 0:
                    service.post()

    writer = threading.Thread(target=sell)
    writer.start()
    try:
        wait_until(lambda: committed[0] > 20, what="sales")
        yield committed
    finally:
        done.set()
        writer.join(30)


def listed(service: Service) -> list[Any]:
    """Newest first."""
    done = service.mobius("backup", "list", "--json", expect=0)
    return [json.loads(line) for line in done.out.splitlines()]


def test_a_backup_under_writers_is_one_release_point_and_restores_to_equal_rows(
    service: Service, orders: Database
) -> None:
    with sales(orders, service) as committed:
        before = committed[0]
        made = service.mobius("backup", "create", "--json", expect=0).json
        after = committed[0]
    assert after > before  # it was written to all the time
    facts = made["metadata"]["postgresql"]["orders"]
    assert before <= facts["tables"]["public.sale"] == facts["tables"]["public.stock"] <= after
    # When each was captured, and how far apart.
    (newest, *_) = listed(service)
    point = newest["metadata"]["capture"]
    assert newest["name"] == made["name"] and point == made["metadata"]["capture"]
    kinds = {each["kind"]: each for each in point["points"]}
    assert kinds.keys() == {"postgresql", "sqlite", "files"}
    assert all(
        point["begun_unix"] - 0.01 <= each["at_unix"] <= point["ended_unix"] for each in kinds.values()
    )
    assert 0.0 < point["gap_s"] <= point["ended_unix"] - point["begun_unix"] + 0.01
    # Restored into scratch, the rows are those that were captured: checked by a rehearsal, and written down by it.
    service.mobius("rehearse", "--json", expect=0)
    evidence = json.loads(Path(made["path"] + ".rehearsal.json").read_text())
    assert evidence["databases"]["databases/orders"] == 2 * facts["tables"]["public.sale"]
    assert evidence["databases"]["data/shared/data/app.db"] > 0


def test_a_way_back_with_data_takes_the_server_back_too(service: Service, orders: Database) -> None:
    orders.execute("INSERT INTO sale (item) VALUES ('before')")
    service.post()
    posts = service.get()["posts"]
    made = service.mobius("backup", "create", "--json", expect=0).json
    orders.execute("INSERT INTO sale (item) VALUES ('after')")
    service.post()
    service.mobius("rollback", "--backup", made["path"], "--yes", expect=0)
    assert orders.execute("SELECT item FROM sale") == [("before",)]
    assert service.get()["posts"] == posts
    kept = [name for name in orders.server.databases() if name.startswith(f"{orders.name}_before_")]
    assert len(kept) == 1
    assert Database(orders.server, kept[0]).execute("SELECT item FROM sale ORDER BY id") == [
        ("before",),
        ("after",),
    ]


def test_the_password_is_written_nowhere(service: Service, orders: Database) -> None:
    service.mobius("backup", "create", expect=0)
    service.mobius("doctor")
    service.mobius("rehearse", expect=0)
    seen = [
        str(file)
        for folder in (service.folder, service.root)
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink() and b"never-to-be-seen" in file.read_bytes()
    ]
    # The values that the service itself was started with are kept for its supervisor alone.
    assert [path for path in seen if Path(path).stat().st_mode & 0o077 or "backups" in path] == []


def test_a_server_that_is_away_stops_a_deployment_before_anything_is_changed(
    service: Service, orders: Database
) -> None:
    service.environ["ORDERS_URL"] = "postgresql://ann@/orders?host=/nowhere"
    service.add_release("v2")
    done = service.mobius("deploy", "--tag", "v2")
    assert done.code in (3, 4), done
    assert "orders" in done.err + done.out and "pg_isready" in done.err + done.out
    assert service.get()["release"] == "v1"


def test_doctor_says_what_the_database_is(service: Service, orders: Database) -> None:
    done = service.mobius("doctor")
    version = orders.one("SHOW server_version").split()[0]
    assert f"PostgreSQL {version}" in done.out
