"""A service on PostgreSQL: its dump is restored into a scratch server, and the previous release is booted on that."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.rehearse.test_boot import BOOT, can_boot, left, rehearsed
from journeys.service import Service
from postgres_server import Database

pytestmark = [pytest.mark.slow, can_boot]
DATABASE = '\n[[database]]\nname = "app"\nurl_env = "DATABASE_URL"\n'


def test_the_previous_release_runs_on_a_scratch_database_and_the_live_one_stays_as_it_is(
    new_service: Callable[..., Service], new_database: Callable[..., Database]
) -> None:
    app = new_database("app")
    app.execute("CREATE TABLE post (text text)")
    app.execute("INSERT INTO post VALUES ('live')")
    service = new_service(
        more=BOOT + DATABASE,
        alone=False,
        web=(sys.executable, "posts.py"),
        environ={"DATABASE_URL": app.url},
    )
    for tag in ("v1", "v2"):
        release = service.add_release(tag)
        shutil.copy(Path(__file__).parent / "posts.py", release)
        (release / "live-url.txt").write_text(app.url)
    service.mobius("deploy", "--tag", "v1", expect=0)
    service.mobius("deploy", "--tag", "v2", "--detach", expect=0)
    message, facts = rehearsed(service)
    assert facts["booted"] and "its release booted on it" in message, facts
    assert facts["databases"]["databases/app"] == 1
    assert app.one("SELECT count(*) FROM post") == 1
    assert service.get("/") == {"posts": 1, "rehearsed": False, "reached": "no", "code": 200}
    assert left(service) == [] and list((service.root / "run").glob("scratch/pg-*")) == []
