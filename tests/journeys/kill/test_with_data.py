"""The runner of a rollback with data, killed at its writes: old or new, never half; and finished by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journeys.kill.field import Field, Strike, kept_well
from journeys.service import Service

pytestmark = pytest.mark.journey
ENDED = ("accepted", "observing")
WRITES = 46  # a little more than such a run has


def waiting(folder: Path) -> Field:
    """Nothing here waits for a verdict."""
    return Field(Service(folder, window="10m", interval="200ms"))


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Field]]:
    """The present field, a new one when the last is in doubt."""
    with kept_well(lambda: waiting(tmp_path_factory.mktemp("field")), Field.begin_and_watch) as present:
        yield present


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
    try:
        with kept_well(lambda: waiting(tmp_path / "service"), Field.begin_and_watch) as present:
            yield present()
    finally:
        subprocess.run(["umount", "-l", data], check=True)


def test_on_a_mount_the_exchange_that_was_begun_is_finished(on_a_mount: Field) -> None:
    assert struck(on_a_mount, Strike(label="done return-*-restore-data", when="before"))
