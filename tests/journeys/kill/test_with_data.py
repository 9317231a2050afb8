"""The runner of a rollback with data, killed at its writes: old or new, never half; and finished by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journeys.kill.field import Field, Strike
from journeys.service import Service

pytestmark = pytest.mark.journey
ENDED = ("accepted", "observing")
WRITES = 46  # a little more than such a run has


def ready(folder: Path) -> Field:
    """A kept release, and windows that last: nothing here waits for a verdict."""
    ground = Field(Service(folder, window="10m", interval="200ms"))
    try:
        ground.service.mobius("deploy", "--tag", ground.next_tag(), "--detach", "--quiet", expect=0)
        ground.service.mobius("accept", expect=0)
    except BaseException:
        ground.service.close()
        raise
    ground.live, ground.broken = ground.tags[-1], False
    return ground


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Field]]:
    """The present field, a new one when the last is in doubt."""
    made: list[Field] = []

    def present() -> Field:
        if not made or made[-1].broken:
            for old in made:
                old.service.close()
            made.append(ready(tmp_path_factory.mktemp("field") / "service"))
        return made[-1]

    try:
        yield present
    finally:
        for one in made:
            one.service.close()


@pytest.fixture
def ground(fields: Callable[[], Field]) -> Field:
    """A service in order, with a release to go back to."""
    return fields()


def struck(ground: Field, strike: Strike) -> bool:
    """Deploys, writes, goes back with the data, struck; and looks whether all of it went back. False where the moment
    never came."""
    service = ground.service
    back_to, before = ground.live, service.rows("SELECT id FROM posts ORDER BY id")
    service.mobius("deploy", "--tag", ground.next_tag(), "--detach", "--quiet", expect=0)
    assert service.post()["code"] == 200
    backup = sorted(path.name for path in (service.folder / "backups").glob("probe_*_*.zip"))[-1]
    ground.strike(strike, "rollback", "--backup", backup, "--yes")
    ground.assert_all_is_well(back_to, states=ENDED, switches=1)
    assert service.rows("SELECT id FROM posts ORDER BY id") == before, "the data went back with the code"
    left = [path.name for path in (service.root / "shared").iterdir()]
    assert not [name for name in left if "restoring" in name or ".new-" in name], left
    return ground.has_struck()


def strike_at(number: int, when: str) -> Strike:
    return Strike(when=when, number=number)


@pytest.mark.parametrize("action", ["prepare-data", "restore-data", "start"])
def test_a_rollback_with_data_is_finished_wherever_its_runner_is_killed(ground: Field, action: str) -> None:
    assert struck(ground, Strike(label=f"done return-*-{action}", when="before"))


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_write_of_a_rollback_with_data(fields: Callable[[], Field], when: str) -> None:
    complaints, kills = [], 0
    for number in range(1, WRITES):
        ground = fields()
        try:
            kills += struck(ground, strike_at(number, when))
        except AssertionError as complaint:
            complaints.append(f"write {number} ({ground.struck_write()}): {complaint}")
        print(f"{number}: {ground.struck_write()}; {kills} kills, {len(complaints)} complaints", flush=True)
    assert not complaints, "\n\n".join(complaints)
    assert kills > 30


@pytest.fixture
def on_a_mount(tmp_path: Path) -> Iterator[Field]:
    """The data lies on a file system of its own, so that its children change places."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting needs root")
    data = tmp_path / "service" / ".mobius" / "production" / "shared" / "data"
    data.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "mobius-test", data]).returncode:
        pytest.skip("nothing may be mounted here")
    made: list[Field] = []
    try:
        made.append(ready(tmp_path / "service"))
        yield made[0]
    finally:
        for one in made:
            one.service.close()
        subprocess.run(["umount", "-l", data], check=True)


def test_on_a_mount_the_exchange_that_was_begun_is_finished(on_a_mount: Field) -> None:
    assert struck(on_a_mount, Strike(label="done return-*-restore-data", when="before"))
