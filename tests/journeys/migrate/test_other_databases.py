"""A service with a second database, which no migration touches: each start in a rehearsal has that for itself, too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.rehearsal.ground import a_place
from journeys.migrate.stage import OLD, Shop
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.model.settings import DatabaseSettings
from postgres_server import Database

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there"),
]
# Takes what is there once, as the consumer of a queue does; a second start on the same rows would find nothing.
TAKING = """\
import os, sys, psycopg
with psycopg.connect(os.environ["QUEUE_URL"]) as db:
    if len(db.execute("DELETE FROM job RETURNING id").fetchall()) != 2:
        sys.exit("somebody took the jobs")
import shop
shop.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), shop.Handler).serve_forever()
"""


def test_what_one_start_takes_from_another_database_is_there_for_the_next(
    new_database: Callable[..., Database],
) -> None:
    app, queue = new_database("app"), new_database("queue")
    queue.execute("CREATE TABLE job (id integer)")
    queue.execute("INSERT INTO job VALUES (1), (2)")
    with a_place() as folder:
        shop = Shop(folder, app)
        process = shop.settings.processes[0]
        taking = replace(
            process,
            start=(sys.executable, "taking.py"),
            env={**process.env, "QUEUE_URL": queue.url},
        )
        more = (*shop.settings.databases, DatabaseSettings("queue", url_env="QUEUE_URL"))
        shop.settings = replace(shop.settings, processes=(taking,), databases=more)
        (shop.release("v1", OLD) / "taking.py").write_text(TAKING)
        backup = shop.backup()
        up, down = "ALTER TABLE orders ADD COLUMN gift text;", "ALTER TABLE orders DROP COLUMN gift;"
        tree = shop.release("v2", OLD, {"001_step.sql": up, "001_step.down.sql": down})
        (tree / "taking.py").write_text(TAKING)
        facts = shop.try_out(backup, shop.stage_v2(), fast=True)
    assert (facts["booted"], facts["failed"]) == (True, ""), facts
    assert (facts["old"]["works"], facts["new"]["works"]) == (True, True), facts
    assert queue.one("SELECT count(*) FROM job") == 2
