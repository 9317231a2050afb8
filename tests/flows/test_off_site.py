"""Copies of backups off the machine, in a deployment and by hand: made once, told truly, and come back verified."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mobius.adapters.backups.memory import MemoryBackups
from mobius.adapters.stores.memory import MemoryStore
from mobius.errors import UsageError
from mobius.flows.keep_copies import judged_copies, prune_copies
from mobius.flows.off_site import copy_backup, stored_backups, tell_copied
from mobius.flows.status import status
from mobius.model.release import BackupRecord
from mobius.model.run import RunState
from mobius.model.settings import BackupSettings, StoreSettings
from mobius.ports import NameTaken, Ports, nothing
from world import SETTINGS, Killed, World, _hooked

FOLDER = "dhash/production/"
DAY_S = 86_400.0


class FiledBackups(MemoryBackups):
    """Whose archives are files too, with their checksum beside them."""

    folder: Path

    def create(self, **how: Any) -> BackupRecord:
        made = super().create(**how)
        path = self.folder / made.name
        if not path.exists():
            content = f"{made.name} of run {made.run_id}".encode() * 50
            sha256 = hashlib.sha256(content).hexdigest()
            path.write_bytes(content)
            path.with_name(f"{path.name}.sha256").write_text(f"{sha256}  backups/{path.name}\n")
            made = replace(made, path=str(path), sha256=sha256, size_bytes=len(content))
            self.archives[-1] = replace(self.archives[-1], record=made)
        return made


@dataclass
class OffSite(World):
    """A world with a store."""

    folder: Path = Path()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.store = MemoryStore(self.clock)
        self.backups = FiledBackups(self.data, self.releases, self.clock)
        self.backups.folder = self.folder

    @property
    def ports(self) -> Ports:
        return replace(super().ports, store=_hooked("store", self.store, self))

    def copies(self) -> list[str]:
        return [copy.record.name for copy in stored_backups(self.ports) if copy.whole]


def off_site(folder: Path, *, required: bool = False, **more: Any) -> OffSite:
    url = "s3://copies/of"
    return OffSite(replace(SETTINGS, store=StoreSettings(url=url, required=required), **more), folder=folder)


def test_a_deployment_copies_its_backup_before_anything_that_serves_is_touched(tmp_path: Path) -> None:
    world = off_site(tmp_path)
    run = world.deploy("v1")
    assert run.state is RunState.ACCEPTED
    actions = [step.action for step in run.plan.rollout]
    assert actions.index("rehearse") < actions.index("copy_backup") < actions.index("start")
    name = world.backups.archives[0].record.name
    assert sorted(world.store.objects) == [
        FOLDER + name, f"{FOLDER}{name}.record.json", f"{FOLDER}{name}.sha256",
    ]  # fmt: skip
    known = json.loads(world.store.objects[f"{FOLDER}{name}.record.json"][0])
    assert (known["service"], known["environment"], known["kind"]) == ("dhash", "production", "release")
    assert known["rehearsed_at"] > 0
    assert "path" not in known
    said = world.events(run, "backup copied")[0]
    assert said.message == (
        f"{name} is in memory://store/{FOLDER}{name}: 850 B sent in 0 s, checked by reading it back"
    )
    assert status(world.ports).warnings == ()


def test_the_archive_comes_last_so_that_what_is_listed_is_whole(tmp_path: Path) -> None:
    world = off_site(tmp_path)
    order = list[str]()
    create, replaced = world.store.create, world.store.replace
    world.store.create = lambda name, *a, **k: (order.append(name), create(name, *a, **k))[1]  # type: ignore[method-assign,func-returns-value]
    world.store.replace = lambda name, *a: (order.append(name), replaced(name, *a))[1]  # type: ignore[method-assign,func-returns-value]
    world.deploy("v1")
    assert [name.rpartition(".zip")[2] for name in order] == [".sha256", ".record.json", ""]


def test_without_a_required_copy_a_deployment_is_refused_with_3_before_traffic_moves(tmp_path: Path) -> None:
    world = off_site(tmp_path, required=True)
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.store.unreachable = "the store cannot be reached: no route to host"
    run = world.deploy("v2")
    assert (run.state, run.exit_code) == (RunState.REFUSED, 3)
    assert run.sentence == (
        "no copy of the backup could be made: the store cannot be reached: no route to host"
    )
    world.assert_serves("v1")


def test_a_copy_that_fails_and_is_not_required_is_told_and_the_deployment_goes_on(tmp_path: Path) -> None:
    world = off_site(tmp_path)
    world.store.unreachable = "the store cannot be reached: no route to host"
    run = world.deploy("v1")
    assert run.state is RunState.ACCEPTED
    name = world.backups.archives[0].record.name
    told = f"{name} is on this machine alone: the store cannot be reached: no route to host"
    event = world.events(run, "copy failed")[0]
    assert event.message == told
    assert event.data["choices"] == [f"mobius backup copy {name} -e production"]
    assert [row.topic for row in world.journal.outbox() if row.event_seq == event.seq] == ["alert"]
    assert status(world.ports).warnings == (f"{told}; mobius backup copy --latest -e production",)

    world.store.unreachable = ""
    tell_copied(world.ports, copy_backup(world.ports, world.backups.archives[0].record, progress=nothing))
    assert status(world.ports).warnings == ()


def test_a_backup_made_since_the_last_copy_is_told_by_the_status(tmp_path: Path) -> None:
    world = off_site(tmp_path)
    world.deploy("v1")
    made = world.backups.create(kind="release", release=None, run_id=0, progress=nothing)
    world.journal.put_backup("production", made)
    assert status(world.ports).warnings == (
        f"{made.name} is on this machine alone; mobius backup copy --latest -e production",
    )


@pytest.mark.parametrize("required", [False, True])
def test_a_runner_killed_after_any_effect_leaves_one_copy_and_one_live_release(
    tmp_path: Path, required: bool
) -> None:
    untouched = off_site(tmp_path, required=required)
    untouched.deploy("v1")
    untouched.effects.clear()
    untouched.deploy("v2")
    effects = len(untouched.effects)
    assert "store.create" in untouched.effects
    for number in range(1, effects + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        world = off_site(folder, required=required)
        world.deploy("v1")
        run = world.begin(world.plan("v2"))
        world.die_after(number)
        try:
            world.carry_on(run)
        except Killed:
            world.die_after(None)
            run = world.carry_on(run)
        else:
            world.die_after(None)
        assert world.journal.run(run.id).state is RunState.ACCEPTED, number
        world.assert_serves("v2")
        assert len(world.copies()) == 2, number
        assert not [copy for copy in stored_backups(world.ports) if not copy.whole]


def test_an_upload_that_is_cut_goes_on_when_the_copy_is_made_again(tmp_path: Path) -> None:
    world = off_site(tmp_path)
    world.store.unreachable = "out of reach"
    world.deploy("v1")
    world.store.unreachable, world.store.cut_after = "", None
    record = world.backups.archives[0].record
    checksum = Path(record.path + ".sha256")
    world.store.create(
        f"{FOLDER}{record.name}.sha256",
        checksum,
        sha256=hashlib.sha256(checksum.read_bytes()).hexdigest(),
        progress=lambda _: None,
    )
    assert [copy.whole for copy in stored_backups(world.ports)] == [False]
    world.store.cut_after = 100
    with pytest.raises(Exception, match="was cut"):
        copy_backup(world.ports, record, progress=nothing)
    copied = copy_backup(world.ports, record, progress=nothing)
    assert copied.created.kept_bytes == 100
    assert copied.created.kept_bytes + copied.created.sent_bytes == record.size_bytes
    assert [copy.whole for copy in stored_backups(world.ports)] == [True]


def test_another_archive_of_the_same_name_is_refused_with_both_hashes(tmp_path: Path) -> None:
    world = off_site(tmp_path)
    world.deploy("v1")
    record = world.backups.archives[0].record
    other = tmp_path / "elsewhere" / record.name
    other.parent.mkdir()
    other.write_bytes(b"another")
    sha256 = hashlib.sha256(b"another").hexdigest()
    other.with_name(f"{other.name}.sha256").write_text(f"{sha256}  {other.name}\n")
    with pytest.raises(NameTaken) as refused:
        copy_backup(world.ports, replace(record, path=str(other)), progress=nothing)
    assert refused.value.details == (f"to copy  {sha256}", f"there    {record.sha256}")


def test_without_a_store_it_says_how_to_set_one() -> None:
    with pytest.raises(UsageError) as refused:
        stored_backups(World().ports)
    assert refused.value.message == "production has no store for copies of backups"
    assert refused.value.hint.startswith('set url = "s3://bucket/prefix"')


# -- retention --------------------------------------------------------------------------------------------------


def kept(world: OffSite) -> dict[str, tuple[bool, str]]:
    return {fate.backup.name: (fate.stays, fate.reasons[0]) for fate in judged_copies(world.ports)}


def aged(tmp_path: Path) -> OffSite:
    """Five copies, each ten days older than the next; only the newest two are on the disk still."""
    backup = BackupSettings(paths=("data",), retention_days=15, retention_count=1)
    world = off_site(tmp_path, backup=backup)
    world.deploy("v1")
    for _ in range(4):
        world.clock.wait(10 * DAY_S)
        made = world.backups.create(kind="release", release=None, run_id=0, progress=nothing)
        copy_backup(world.ports, replace(made, verified_at=world.clock.now()), progress=nothing)
    world.clock.wait(10 * DAY_S)
    del world.backups.archives[:3]
    return world


def test_copies_go_by_the_rule_for_the_disk_and_a_dry_run_removes_nothing(tmp_path: Path) -> None:
    world = aged(tmp_path)
    fates = judged_copies(world.ports)
    going = [fate.backup for fate in fates if not fate.stays]
    assert len(world.copies()) == 5
    stays = [fate.backup.name for fate in fates if fate.stays]
    assert stays[0] == world.backups.archives[-1].record.name
    live = next(copy.record for copy in stored_backups(world.ports) if copy.record.run_id == 1)
    assert live.name in stays or live.release_id == ""
    before = len(world.store.objects)
    assert going
    assert prune_copies(world.ports, going) == tuple(backup.name for backup in going)
    assert len(world.store.objects) == before - 3 * len(going)
    assert sorted(world.copies()) == sorted(stays)


def test_what_came_there_by_other_means_is_never_removed(tmp_path: Path) -> None:
    world = aged(tmp_path)
    world.store.objects[f"{FOLDER}mine.zip"] = (b"?", 0.0)
    world.store.objects["other/production/x.zip"] = (b"?", 0.0)
    assert kept(world)["mine.zip"] == (True, "nothing is known of it but its name")
    assert "x.zip" not in kept(world)


def test_what_was_cut_goes_once_it_is_past_the_days(tmp_path: Path) -> None:
    world = aged(tmp_path)
    world.store.objects[f"{FOLDER}old.zip.sha256"] = (b"?", world.clock.now() - 16 * DAY_S)
    world.store.objects[f"{FOLDER}new.zip.sha256"] = (b"?", world.clock.now() - 1 * DAY_S)
    assert kept(world)["old.zip"] == (False, "its copying was cut")
    assert kept(world)["new.zip"] == (True, "its copying was cut")
