"""A service whose schema Alembic moves: deployed, rehearsed on its data, refused in time, and taken back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from adapters.migrations.projects import ENV_PY
from journeys.service import LONG_S, Service, wait_until
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there"),
]


@pytest.fixture
def service() -> Iterator[Service]:
    folder = Path(tempfile.mkdtemp(prefix="mobius-alembic-", dir="/var/tmp"))
    made = Service(folder, alone=False)
    text = made.config.read_text()
    program = json.dumps([sys.executable, "-m", "alembic"])
    text = text.replace('kind = "sql"\npath = "migrations"', f'kind = "alembic"\nprogram = {program}')
    text = text.replace(
        'DATABASE = "../../shared',
        'DATABASE_URL = "sqlite:///../../shared/data/app.db", DATABASE = "../../shared',
    )
    made.config.write_text(text + "\n[rehearsal]\nboot = true\n")
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def release(service: Service, tag: str, *revisions: tuple[str, str]) -> None:
    """A release with these revisions: what each does on its way up, and down."""
    place = service.add_release(tag, migrations=0)
    versions = place / "alembic" / "versions"
    versions.mkdir(parents=True)
    (place / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
    (place / "alembic" / "env.py").write_text(dedent(ENV_PY))
    below = None
    own = "import os, time\nfrom pathlib import Path\n"
    for number, (up, down) in enumerate(revisions, start=1):
        text = (
            f"{own}from alembic import op\nrevision = 'rev{number}'\ndown_revision = {below!r}\n\n"
            f"def upgrade():\n    op.execute({up!r})\n\ndef downgrade():\n    {down}\n"
        )
        (versions / f"rev{number}_step.py").write_text(text)
        below = f"rev{number}"


POSTS = (
    "CREATE TABLE posts (id INTEGER PRIMARY KEY, body BLOB, release TEXT)",
    "op.execute('DROP TABLE posts')",
)
STARS = ("ALTER TABLE posts ADD COLUMN stars INTEGER", "op.execute('ALTER TABLE posts DROP COLUMN stars')")
BROKEN = ("UPDATE nowhere SET x = 1", "pass")


def test_a_release_whose_revision_fails_on_the_restored_copy_touches_nothing_live(service: Service) -> None:
    release(service, "v1", POSTS)
    service.mobius("deploy", "--tag", "v1", expect=0)
    assert service.rows("SELECT version_num FROM alembic_version") == [("rev1",)]
    for _ in range(3):
        service.post()

    release(service, "v2", POSTS, STARS)
    service.mobius("deploy", "--tag", "v2", expect=0)
    assert service.get("/")["release"] == "v2"
    assert service.rows("SELECT count(stars), count(*) FROM posts") == [(0, 3)]

    release(service, "v3", POSTS, STARS, BROKEN)
    done = service.mobius("deploy", "--tag", "v3", expect=3)
    assert "no such table: nowhere" in done.out + done.err, str(done)
    assert service.get("/")["release"] == "v2"
    assert service.rows("SELECT version_num FROM alembic_version") == [("rev2",)]

    service.mobius("rollback", "--yes", expect=0)
    assert service.get("/")["release"] == "v1"
    assert service.rows("SELECT count(*) FROM posts") == [(3,)]


SLOWLY = """
if op.get_context().get_current_revision() == "rev1" and "MOBIUS_REHEARSAL" not in os.environ:
        Path("../../shared/begun").write_text(str(os.getpid()))
        until = time.monotonic() + 60
        while time.monotonic() < until and not Path("../../shared/go_on").exists():
            time.sleep(0.05)
"""


def test_a_deployer_that_is_killed_while_alembic_runs_is_carried_on_once_alembic_has_ended(
    service: Service,
) -> None:
    release(service, "v1", POSTS)
    service.mobius("deploy", "--tag", "v1", expect=0)
    release(service, "v2", POSTS, STARS)
    place = service.folder / "releases" / "v2" / "alembic" / "versions" / "rev2_step.py"
    place.write_text(place.read_text().replace("def upgrade():\n", f"def upgrade():\n    {SLOWLY.strip()}\n"))

    deploying = service.start("deploy", "--tag", "v2")
    begun = service.root / "shared" / "begun"
    wait_until(begun.exists, LONG_S, what="Alembic runs on the live database")
    runner = wait_until(lambda: service.runner_pid(2), what="the runner of the second run")
    os.kill(runner, signal.SIGKILL)
    log = service.folder / "logs" / "deployment.log"
    waits = "waiting for the end of a migration that runs already"
    wait_until(lambda: waits in log.read_text(), LONG_S, what="the next runner waits for Alembic")
    assert service.rows("SELECT version_num FROM alembic_version") == [("rev1",)]
    (service.root / "shared" / "go_on").touch()
    done = service.finish(deploying)
    assert done.code == 0, f"{done}\n{service.log()}"
    assert service.get("/")["release"] == "v2"
    assert service.rows("SELECT version_num FROM alembic_version") == [("rev2",)]
    assert not psutil.pid_exists(int(begun.read_text()))
