"""`mobius backup` with a store that is a folder on another disk, as people type it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeys.service import Done, Service

pytestmark = pytest.mark.journey


def lines(done: Done) -> list[Any]:
    return [json.loads(line) for line in done.out.splitlines()]


def test_copies_are_made_listed_verified_fetched_and_pruned(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    service = new_service(more=f'\n[store]\nurl = "{disk}"\n', alone=False)
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", expect=0)
    made = service.mobius("backup", "create", "--json", expect=0).json["name"]
    status = service.status()
    assert f"{made} is on this machine alone; mobius backup copy --latest -e production" in status["warnings"]

    before = sorted(disk.rglob("*"))
    dry = service.mobius("backup", "copy", "--latest", "--dry-run", expect=0)
    assert dry.out.endswith(f"would be copied to {disk}/probe/production/{made}\n")
    assert sorted(disk.rglob("*")) == before
    copied = service.mobius("backup", "copy", "--latest", "--json", expect=0).json
    assert (copied["name"], copied["was_there"], copied["checked"]) == (
        made,
        False,
        "read back from the disk",
    )
    assert not service.status()["warnings"]
    again = service.mobius("backup", "copy", made, expect=0)
    assert again.out == (
        f"{made} is in {disk}/probe/production/{made} already, the same by its SHA-256 (read back from the disk)\n"
    )
    listed = {
        each["name"]: each for each in lines(service.mobius("backup", "list", "--store", "--json", expect=0))
    }
    assert listed[made]["here"] is True
    assert listed[made]["whole"] is True
    assert len(listed) == 2

    elsewhere = tmp_path / "elsewhere"
    dry = service.mobius("backup", "fetch", made, "--to", str(elsewhere), "--dry-run", expect=0)
    assert dry.out.endswith(f"would be fetched to {elsewhere}\n")
    assert not elsewhere.exists()
    service.mobius("backup", "fetch", made, "--to", str(elsewhere), expect=0)
    service.mobius("backup", "verify", str(elsewhere / made), expect=0)
    verified = service.mobius("backup", "verify", "--store", expect=0)
    assert f"{made}: its hash holds" in verified.out
    pruned = service.mobius("backup", "prune", "--store", "--dry-run", "--json", expect=0).json
    assert (pruned["removed"], len(pruned["backups"])) == ([], 2)

    archive = service.folder / "backups" / made
    archive.rename(tmp_path / made)
    out = tmp_path / "out"
    restored = service.mobius(
        "backup", "restore", made, "--only", "data/shared/data/app.db", "--to", str(out), "--json", expect=0
    )
    assert f"{made} is not here, but in {disk}: what is wanted is read there" in restored.err
    assert (out / "data" / "shared" / "data" / "app.db").read_bytes().startswith(b"SQLite format 3")
    (tmp_path / made).rename(archive)

    copy = disk / "probe" / "production" / made
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    broken = service.mobius("backup", "verify", "--store", made, expect=11)
    assert f"{made}: the copy {copy} cannot be used: it does not match its SHA-256" in broken.out
    refused = service.mobius("backup", "copy", made, expect=1)
    assert f"{copy} is there already, with other content; nothing was changed" in refused.err


def test_a_disk_that_is_not_mounted_is_told_and_where_a_copy_is_required_it_stops_the_deployment(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    service = new_service(more=f'\n[store]\nurl = "{disk}"\n', alone=False)
    service.add_release("v1")
    service.add_release("v2")
    service.mobius("deploy", "--tag", "v1", expect=0)
    assert not disk.exists()
    report = service.mobius("report", "--json", expect=0).json
    assert report["backup"]["copy"]["sentence"].endswith(f"the store {disk} is not there")
    assert "NOT COPIED off this machine" in service.mobius("report", expect=0).out
    warnings = service.status()["warnings"]
    assert any(f"is on this machine alone: the store {disk} is not there" in words for words in warnings)
    doctor = service.mobius("doctor")  # wrapped, and the path may be broken in two
    assert f"thestore{disk}isnotthere" in "".join(doctor.out.split())

    text = service.config.read_text("utf-8")
    service.config.write_text(text.replace("[store]", "[store]\nrequired = true"), encoding="utf-8")
    refused = service.mobius("deploy", "--tag", "v2", expect=3)
    assert f"no copy of the backup could be made: the store {disk} is not there" in refused.out
    assert service.get("/")["release"] == "v1"
    shutil.rmtree(disk, ignore_errors=True)


def test_without_a_store_every_command_says_how_to_set_one(new_service: Callable[..., Service]) -> None:
    service = new_service(alone=False)
    for words in (
        ["list", "--store"],
        ["fetch", "x.zip"],
        ["prune", "--store"],
        ["verify", "--store", "x.zip"],
    ):
        done = service.mobius("backup", *words, expect=2)
        assert "production has no store for copies of backups" in done.err
        assert "[store] of mobius.toml" in done.err
    done = service.mobius("backup", "copy", expect=2)
    assert "which backup?" in done.err
