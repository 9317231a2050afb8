"""What a rehearsal finds, writes beside the backup, and leaves behind: nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.rehearsal.ground import SECRET, Ground, everything
from mobius.adapters.backups.contents import described
from mobius.adapters.rehearsal.asked import Booted
from mobius.adapters.rehearsal.booting import Restored, prepared
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.rehearsal.evidence import evidence_of, read_evidence
from mobius.adapters.rehearsal.memory import MemoryDatabases, MemoryIsolation, MemoryScratch
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.adapters.rehearsal.scratch import scratch_place
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.settings import (
    BackupSettings,
    DatabaseSettings,
    ProcessSettings,
    RehearsalSettings,
    ReleaseSettings,
    SmokeSettings,
    SystemdSettings,
)
from mobius.model.verdict import Outcome


def memory(place: Path, **how: object) -> tuple[Ground, MemoryIsolation]:
    isolation = MemoryIsolation()
    return Ground(place, isolation=isolation, **how), isolation  # type: ignore[arg-type]


def test_what_was_proven_lies_beside_the_backup_bound_to_it(place: Path) -> None:
    ground, _ = memory(place)
    backup = ground.backup()
    told = ground.rehearse(backup)
    path = evidence_of(Path(backup.path))
    said = json.loads(path.read_text())
    assert told["evidence"] == str(path) and path.name == f"{backup.name}.rehearsal.json"
    assert said["schema_version"] == 1 and said["sha256"] == backup.sha256
    assert (said["booted"], said["boot_s"], said["rto_s"]) == (True, 0.5, told["rto_s"])
    assert said["rto_s"] == pytest.approx(said["restore_s"] + 0.75, abs=0.01)
    assert said["databases"] == {"data/shared/data/app.db": 1}
    assert said["rehearsed_at"] > 0 and set(said["tools"]) >= {"mobius", "python", "system"}
    assert read_evidence(Path(backup.path), backup.sha256) == said
    assert read_evidence(Path(backup.path), "another archive") is None
    known = described(Path(backup.path))
    assert known is not None and known.booted and known.rehearsed_at == said["rehearsed_at"]
    assert (known.rto_s, known.rpo_s, known.not_proven) == (said["rto_s"], said["rpo_s"], "")


def test_a_failed_boot_is_written_down_as_not_rehearsed(place: Path) -> None:
    ground, isolation = memory(place)
    isolation.answer = Booted(Outcome.FAIL, "front page: 500", log=("api: boom",))
    backup = ground.backup()
    told = ground.rehearse(backup)
    assert (told["failed"], told["booted"], told["rehearsed_at"], told["rto_s"]) == (
        "front page: 500",
        False,
        0.0,
        0.0,
    )
    assert told["log"] == ["api: boom"]
    said = read_evidence(Path(backup.path), backup.sha256)
    assert said is not None and said["failed"] == "front page: 500"
    known = described(Path(backup.path))  # as whoever lost the journal learns of it
    assert known is not None
    assert (known.rehearsed_at, known.booted, known.not_proven) == (0.0, False, "front page: 500")


def test_what_could_not_be_tried_is_no_word_against_the_release(place: Path) -> None:
    ground, isolation = memory(place)
    isolation.reason = "no namespaces"
    told = ground.rehearse()
    assert (told["booted"], told["failed"], told["not_proven"]) == (False, "", "no namespaces")
    assert told["rehearsed_at"] > 0


def test_a_release_that_is_broken_is_found_out_with_what_it_said(place: Path) -> None:
    if why := Bubblewrap().why_not():
        pytest.skip(why)
    told = Ground(place, "broken.py").rehearse()
    assert told["failed"] == "api ended with exit code 3 on the restored copy"
    assert told["log"] == ["api: Traceback: no such column: word.colour"]


def test_a_program_that_is_not_shown_inside_is_no_word_against_the_release(place: Path) -> None:
    if why := Bubblewrap().why_not():
        pytest.skip(why)
    told = Ground(place, "-c", python=("sh",), arguments=("exec /home/nobody/runtime",)).rehearse()
    assert (told["booted"], told["failed"], told["not_proven"]) == (
        False,
        "",
        "api needs a program that is not shown in here: name its folder in rehearsal.show",
    )
    assert "not found" in told["log"][0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"target": "command"}, 'with target = "command" somebody else starts the service'),
        (
            {"processes": (ProcessSettings("mailer", ("sleep",), kind="worker"),)},
            "v1-1a2b has no web process that could answer",
        ),
        (
            {"target": "systemd", "systemd": SystemdSettings(credentials={"key": "/etc/key"})},
            "it is given live credentials (key), which a rehearsal does not see",
        ),
    ],
)
def test_why_a_release_cannot_be_booted_is_said(place: Path, change: dict[str, object], reason: str) -> None:
    ground, isolation = memory(place, **change)
    told = ground.rehearse()
    assert (told["booted"], told["not_proven"]) == (False, reason)
    assert isolation.asked is None


def test_its_environment_is_its_own_with_the_scratch_database_and_nothing_of_the_operators(
    place: Path,
) -> None:
    database = DatabaseSettings("app", url_env="DATABASE_URL")
    env = {"DATABASE_URL": "postgresql://app:live@db.example.org/app", "MODE": "fast"}
    ground, isolation = memory(place, env=env)
    backup = ground.backup()
    scratch = MemoryScratch(
        "postgresql://s@/app?host=/scratch&port=5432", place / "socket", {"public.post": 7}
    )
    databases = MemoryDatabases({"app": scratch})
    ground.settings = replace(ground.settings, databases=(database,))
    (place / "socket").mkdir()
    rehearser = ground.rehearser
    rehearser._databases = databases
    told = rehearser.rehearse(backup, boot=True, migrate_from=None, progress=lambda _: None)
    assert (
        told["not_proven"] == "there is no scratch copy of the database app"
    )  # the archive holds no dump of it
    assert isolation.asked is None and databases.open == []


def test_an_operators_secrets_stay_outside(place: Path) -> None:
    ground, isolation = memory(place, env={"MODE": "fast"})
    ground.rehearse()
    assert isolation.asked is not None
    given = isolation.asked.processes[0].env
    assert SECRET not in json.dumps(dict(given))
    assert given["MODE"] == "fast" and given["MOBIUS_REHEARSAL"] == "1" and given["HOME"] == "/tmp"
    assert given["MOBIUS_RELEASE"] == "v1-1a2b" and "MOBIUS_ROOT" not in given


def test_the_env_file_is_read_from_the_backup(place: Path) -> None:
    process = ProcessSettings("api", ("sleep",), env_file="shared/.env")
    backup = BackupSettings(paths=("shared/data", "shared/.env"), folder=place / "backups")
    ground, isolation = memory(place, processes=(process,), backup=backup)
    (ground.root / "shared" / ".env").write_text("MODE=of the backup\n")
    made = ground.backup()
    (ground.root / "shared" / ".env").write_text("MODE=of now\n")
    seen: list[str] = []
    isolation.look = lambda _, mounts: seen.extend(
        (m.source / ".env").read_text() for m in mounts if m.at == ground.root / "shared"
    )
    ground.rehearse(made)
    assert isolation.asked is not None and isolation.asked.processes[0].env["MODE"] == "of the backup"
    assert seen == ["MODE=of the backup\n"]  # the file lies where the live one does, too


def test_a_link_into_shared_that_no_backup_holds_is_found_empty_and_named(place: Path) -> None:
    ground, isolation = memory(
        place, release=ReleaseSettings(source=f"{place}/built/{{tag}}", link=("uploads",))
    )
    (ground.root / "shared" / "uploads").mkdir()
    (ground.root / "shared" / "uploads" / "live.txt").write_text("live")
    seen = []
    isolation.look = lambda _, mounts: seen.extend(
        sorted(p.name for p in m.source.iterdir()) for m in mounts if m.at == ground.root / "shared"
    )
    told = ground.rehearse()
    assert told["unseen"] == ["uploads"] and seen == [["uploads"]]


def test_smoke_tests_that_need_the_network_are_left_out_and_named(place: Path) -> None:
    smoke = (
        SmokeSettings("front page", url="/"),
        SmokeSettings("the bank", url="https://bank.example.org/ping"),
        SmokeSettings("certificate", kind="tls"),
    )
    ground, isolation = memory(place, smoke=smoke)
    told = ground.rehearse()
    assert told["left_out"] == ["the bank", "certificate"]
    assert isolation.asked is not None and [test.name for test in isolation.asked.smoke] == ["front page"]


def test_a_link_in_place_of_the_data_is_never_mounted(place: Path) -> None:
    ground, _ = memory(place)
    copy = place / "copy"
    (copy / "release").mkdir(parents=True)
    (copy / "data" / "shared").mkdir(parents=True)
    (copy / "data" / "shared" / "data").symlink_to(ground.data)
    backup = ground.backup()
    restored = Restored(copy, place / "room", dict(backup.metadata or {}), {})
    with pytest.raises(NotProvenError) as refused:
        prepared(restored, ground.settings, ground.places, {})
    assert refused.value.message == "data/shared/data of the backup is a link that leads away"


def test_an_archive_from_elsewhere_is_held_to_the_rules_of_a_restore(place: Path) -> None:
    ground, _ = memory(place)
    (ground.tree / "out").symlink_to("/etc")
    backup = ground.backup()
    assert ground.rehearse(backup)["booted"]
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    for name in (backup.name, f"{backup.name}.sha256"):
        (elsewhere / name).write_bytes((Path(backup.path).parent / name).read_bytes())
    with pytest.raises(BackupInvalid, match="out"):
        ground.rehearse(replace(backup, path=str(elsewhere / backup.name)))


def test_a_damaged_backup_is_refused_and_leaves_nothing(place: Path) -> None:
    ground, _ = memory(place)
    backup = ground.backup()
    content = bytearray(Path(backup.path).read_bytes())
    content[len(content) // 3] ^= 0xFF
    Path(backup.path).unlink()
    Path(backup.path).write_bytes(content)
    before = everything(ground.data)
    with pytest.raises(BackupInvalid):
        ground.rehearse(backup)
    assert ground.scratch() == [] and everything(ground.data) == before


def test_two_at_once_do_not_touch_each_others_scratch_place(place: Path) -> None:
    ground, isolation = memory(place)
    backup = ground.backup()
    inside, go_on, seen = threading.Event(), threading.Event(), []

    def look(*_: object) -> None:
        seen.append(len(ground.scratch()))
        inside.set()
        assert go_on.wait(30)

    isolation.look = look
    first = threading.Thread(target=lambda: ground.rehearse(backup))
    first.start()
    try:
        assert inside.wait(30)
        isolation.look = lambda *_: seen.append(len(ground.scratch()))
        assert ground.rehearse(backup)["booted"]
        assert len(ground.scratch()) == 1
    finally:
        go_on.set()
        first.join()
    assert seen == [1, 2] and ground.scratch() == []


def test_what_the_dead_left_is_swept_also_what_they_made_unreadable(place: Path) -> None:
    left = place / "run" / "rehearsal-0123456789ab"
    (left / "copy" / "locked").mkdir(parents=True)
    (left / "copy" / "locked" / "file").write_text("x")
    (left / "copy" / "locked").chmod(0)
    (place / "elsewhere").mkdir()
    (left / "copy" / "link").symlink_to(place / "elsewhere")
    with scratch_place(place / "run") as mine:
        assert [p.name for p in (place / "run").iterdir()] == [mine.name]
    assert list((place / "run").iterdir()) == [] and (place / "elsewhere").exists()


def test_a_copy_that_cannot_be_removed_is_said_and_removed_by_the_next_rehearsal(place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    said: list[str] = []
    run = place / "run"
    with scratch_place(run, said.append) as mine:
        (mine / "copy").mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "mobius-test", str(mine / "copy")], check=True
        )
    try:
        assert mine.exists()
        assert said == [
            f"a copy of the data stays in {mine}: it could not be removed; the next rehearsal tries again"
        ]
    finally:
        subprocess.run(["umount", "-l", str(mine / "copy")], check=True)
    with scratch_place(run, said.append):
        assert not mine.exists()
    assert len(said) == 1 and list(run.iterdir()) == []


def test_a_full_disk_leaves_the_live_data_and_no_scratch_place(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "mobius-test", str(disk)], check=True)
    try:
        ground, _ = memory(disk / "project")
        (ground.data / "big.bin").write_bytes(os.urandom(900_000))
        backup = ground.backup()
        before = everything(ground.data)
        with suppress(OSError):
            (disk / "filler").write_bytes(b"x" * 2_000_000)
        with pytest.raises(MobiusError):
            ground.rehearse(backup)
        assert everything(ground.data) == before and ground.scratch() == []
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_backup_on_a_disk_that_cannot_be_written_is_rehearsed_all_the_same(place: Path) -> None:
    ground, _ = memory(place)
    backup = ground.backup()
    evidence_of(Path(backup.path)).mkdir()  # nobody can write a file there
    lines: list[str] = []
    told = ground.rehearse(backup, progress=lines.append)
    assert told["booted"] and told["evidence"] == ""
    assert any("the evidence " in line and "could not be written" in line for line in lines)


def test_without_the_program_it_is_said_what_is_missing(tmp_path: Path) -> None:
    assert (
        Bubblewrap(str(tmp_path)).why_not()
        == "bubblewrap is not installed: its program bwrap is not on the PATH"
    )


def test_what_the_system_refuses_is_said_in_its_own_words(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    assert Bubblewrap(str(tmp_path)).why_not() == (
        "bubblewrap makes no namespaces here: bwrap: No permissions to create new namespace"
    )


def test_a_program_that_lies_proves_nothing(place: Path, tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text('#!/bin/sh\necho \'{"kind": "done", "outcome": "FINE"}\'; echo nonsense\n')
    program.chmod(0o755)
    told = Ground(place, isolation=Bubblewrap(str(tmp_path))).rehearse()
    assert (told["booted"], told["failed"]) == (False, "")
    assert told["not_proven"] == "bubblewrap could not set it up: it said nothing that can be read"


def test_before_a_deployment_it_is_said_whether_a_boot_can_be_had(place: Path) -> None:
    ground, isolation = memory(place)
    (check,) = ground.rehearser.preflight()
    assert (check.outcome, check.message) == (
        Outcome.PASS,
        "the previous release is started on its restored backup, cut off by memory",
    )
    isolation.reason = "bubblewrap is not installed: its program bwrap is not on the PATH"
    (check,) = ground.rehearser.preflight()
    assert (check.outcome, check.advice) == (Outcome.PASS, "apt install bubblewrap")
    assert (
        check.message.startswith("NOT PROVEN will be said of every way back, ")
        and isolation.reason in check.message
    )
    ground.settings = replace(ground.settings, rehearsal=RehearsalSettings())
    assert ground.rehearser.preflight() == ()
