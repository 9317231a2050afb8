"""A shop on PostgreSQL whose schema Flyway's files move: written down as Flyway would, and taken back by them."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journeys.service import Service, wait_until
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from postgres_server import Database

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there"),
]

SHOP = Path(__file__).parent / "shop.py"
# Becomes sick when somebody says so, by a file beside its data.
WEB = """
import os, sys
sys.path.insert(0, ".")
import shop

class Web(shop.Handler):
    def do_GET(self):
        if self.path == "/health" and os.path.exists("sick") and os.path.exists(os.environ["SICK"]):
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()

shop.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Web).serve_forever()
"""
MORE = """
[[smoke]]
name = "order"
get = "/q/order"
expect = ["status == 200"]

[[database]]
name = "shop"
url_env = "DATABASE_URL"

[rehearsal]
boot = true
"""
ORDERS = (
    "CREATE TABLE orders (id serial PRIMARY KEY, note text);\nINSERT INTO orders (note) VALUES ('first');"
)


@pytest.fixture
def shop(new_database: Callable[..., Database]) -> Iterator[tuple[Service, Database]]:
    folder, database = Path(tempfile.mkdtemp(prefix="mobius-flyway-", dir="/var/tmp")), new_database("shop")
    made = Service(folder, alone=False, web=(sys.executable, "web.py"), window="60s", more=MORE)
    text = made.config.read_text()
    text = text.replace(
        'database = "shared/data/app.db"', 'database = "shop"\nhold = "30s"\nretry_within = "20s"'
    )
    sick = json.dumps(str(made.root / "shared" / "data" / "sick"))
    text = text.replace("env = { ", f"env = {{ DATABASE_URL = {json.dumps(database.url)}, SICK = {sick}, ")
    text = text.replace(', "json.posts >= 0"', "")
    made.config.write_text(text)
    (made.root / "shared" / "data").mkdir(parents=True)
    try:
        yield made, database
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def release(service: Service, tag: str, column: str, files: dict[str, str], *, sick: bool = False) -> None:
    place = service.folder / "releases" / tag
    (place / "migrations").mkdir(parents=True)
    shutil.copy(SHOP, place)
    (place / "web.py").write_text(WEB)
    queries = {"order": f"INSERT INTO orders ({column}) VALUES ('sold')"}
    (place / "queries.json").write_text(json.dumps(queries))
    (place / "behaviour.json").write_text(json.dumps({"release": tag}))
    if sick:
        (place / "sick").touch()
    for name, sql in files.items():
        (place / "migrations" / name).write_text(sql + "\n")


def sells(service: Service) -> bool:
    try:
        with urllib.request.urlopen(f"{service.url}/q/order", timeout=30) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def history(database: Database) -> list[tuple[str, str, str, bool]]:
    query = "SELECT version, type, script, success FROM flyway_schema_history ORDER BY installed_rank"
    return [tuple(row) for row in database.execute(query)]


def test_a_rename_is_rehearsed_applied_written_down_and_taken_back_by_its_undo_file(
    shop: tuple[Service, Database],
) -> None:
    service, database = shop
    first = {"V1__orders.sql": ORDERS}
    release(service, "v1", "note", first)
    service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
    assert history(database) == [("1", "SQL", "V1__orders.sql", True)]

    renamed = {
        **first,
        "V2__rename_note.sql": "ALTER TABLE orders RENAME COLUMN note TO remark;",
        "U2__rename_note.sql": "ALTER TABLE orders RENAME COLUMN remark TO note;",
    }
    release(service, "v2", "remark", renamed, sick=True)
    service.mobius("deploy", "--tag", "v2", "--detach", expect=0)
    there = history(database)
    assert there[1:] == [("2", "SQL", "V2__rename_note.sql", True)]
    assert sells(service)

    (service.root / "shared" / "data" / "sick").touch()

    def taken_back() -> bool:
        return len(history(database)) == 3

    wait_until(taken_back, 120, what="the migration is taken back")
    assert history(database)[2] == ("2", "UNDO_SQL", "U2__rename_note.sql", True)
    wait_until(lambda: sells(service), 60, what="the first release sells again")
    assert database.one("SELECT count(*) FROM orders WHERE note = 'sold'") >= 2
