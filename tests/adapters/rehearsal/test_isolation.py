"""A boot sees the copy and nothing that is live: releases that try to get out, for real."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from adapters.rehearsal.ground import SECRET, Ground, everything
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.rehearsal.scratch import scratch_place
from mobius.model.settings import BackupSettings, RehearsalSettings, SmokeSettings, SystemdSettings

pytestmark = pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there")

SYSTEM_PYTHON = (3, 11)
# Seen where a Python that mobius needs is installed there, and then nothing else is in it.
MAY = {"see /root", "see /home"}


class Live:
    """What must not be reached: servers that count who comes, and a process that must go on."""

    def __init__(self, folder: Path) -> None:
        self.visitors: list[str] = []
        self.folder = folder
        self.tcp = _listening(socket.AF_INET, ("0.0.0.0", 0))
        self.unix = _listening(socket.AF_UNIX, str(folder / "live.sock"))
        self.name = f"mobius-live-{secrets.token_hex(6)}"
        self.abstract = _listening(socket.AF_UNIX, "\0" + self.name)
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", self.name])
        for server in (self.tcp, self.unix, self.abstract):
            threading.Thread(target=self._greet, args=(server,), daemon=True).start()

    def _greet(self, server: socket.socket) -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            self.visitors.append(str(server))
            with line, suppress(OSError):
                line.sendall(b"live")

    def close(self) -> None:
        for server in (self.tcp, self.unix, self.abstract):
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        self.process.kill()
        self.process.wait()


def _listening(family: int, address: Any) -> socket.socket:
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind(address)
    server.listen(8)
    return server


@contextmanager
def alive(folder: Path) -> Iterator[Live]:
    live = Live(folder)
    try:
        yield live
    finally:
        live.close()


def host_address() -> str:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as line:
        try:
            line.connect(("192.0.2.1", 9))
            return str(line.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def escaping(folder: Path, live: Live, **more: Any) -> Ground:
    """A service whose release tries to get out, told where everything is."""
    neighbour = folder / "neighbour.db"
    neighbour.write_text("of another service")
    key = folder / "signing.key"
    key.write_text("secret")
    told = {
        "port": live.tcp.getsockname()[1], "host": host_address(), "socket": str(folder / "live.sock"),
        "abstract": live.name, "pid": live.process.pid, "mark": live.name, "project": str(folder / "project"),
        "env": str(folder / "project" / ".env"), "neighbour": str(neighbour), "key": str(key),
        "journal": str(folder / "project" / ".mobius" / "production" / "journal.db"),
        "archive": str(folder / "project" / "backups" / "old.zip"),
    }  # fmt: skip
    ground = Ground(folder / "project", "escaping.py", env={"LIVE": json.dumps(told)}, **more)
    (ground.data / "note.txt").write_text("keep me")
    (ground.root / "journal.db").write_text("the journal")
    (folder / "project" / "backups").mkdir()
    (folder / "project" / "backups" / "old.zip").write_text("an archive")
    return ground


def test_a_release_that_tries_every_way_out_reaches_nothing_that_is_live(place: Path) -> None:
    with alive(place) as live:
        ground = escaping(place, live)
        backup = ground.backup()
        before = everything(place)
        pattern = Path("/proc/sys/kernel/core_pattern").read_bytes()
        told = ground.rehearse(backup)
        assert told["booted"], told
        after = everything(place)
        after.pop(f"project/backups/{backup.name}.rehearsal.json")
        assert after == before
        assert ground.words() == ["live"] and (ground.data / "note.txt").read_text() == "keep me"
        assert Path("/proc/sys/kernel/core_pattern").read_bytes() == pattern
        assert live.visitors == [] and live.process.poll() is None
        found = dict(ground.isolation.findings)
    facts = found.pop("facts")
    worked = {name: said for name, (how, said) in found.items() if how == "worked"}
    assert set(worked) <= MAY, worked
    assert len(found) > 35
    assert SECRET not in json.dumps(worked) and "neighbour" not in json.dumps(worked)
    assert facts["capabilities"] == facts["permitted"] == "0000000000000000"
    assert facts["new privileges"] == "1"
    assert facts["interfaces"] == ["lo"]
    assert facts["open"] == []
    assert SECRET not in json.dumps(facts["environment"])
    assert not {"run", "boot", "sys", "srv", "mnt"} & set(facts["root"])


def test_what_it_wrote_stays_in_the_copy_and_goes_with_it(place: Path) -> None:
    ground = Ground(place)
    told = ground.rehearse()
    assert told["booted"], told
    assert ground.words() == ["live"]
    assert ground.scratch() == []


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_node_service_runs_there_too_within_its_memory(place: Path) -> None:
    limits = RehearsalSettings(boot=True, timeout_s=60.0, memory_bytes=1 << 30)
    smoke = (SmokeSettings("files", url="/", expect=("json.files == 2", 'json.status == "OK"')),)
    ground = Ground(place, "server.js", python=("node",), rehearsal=limits, smoke=smoke)
    told = ground.rehearse()
    assert told["booted"], told
    assert [path.name for path in ground.data.iterdir()] == ["app.db"]


def test_nothing_of_it_runs_on_afterwards(place: Path) -> None:
    mark = f"mobius-lingers-{os.getpid()}"
    ground = Ground(place, "lingering.py", env={"MARK": mark})
    told = ground.rehearse()
    assert told["booted"], told
    left = [p for p in psutil.process_iter(["cmdline"]) if mark in " ".join(p.info["cmdline"] or ())]
    assert left == []


def test_who_kills_everything_kills_only_itself(place: Path) -> None:
    with alive(place) as live:
        ground = Ground(place / "project", "killer.py")
        told = ground.rehearse()
        assert (told["booted"], told["failed"]) == (False, "")
        assert told["not_proven"].startswith("the boot ended by itself: ")
        assert live.process.poll() is None


def test_what_it_says_without_end_is_read_in_bounded_memory(place: Path) -> None:
    ground = Ground(place, "loud.py", rehearsal=RehearsalSettings(boot=True, timeout_s=30.0))
    told = ground.rehearse()
    assert not told["booted"]
    assert len(json.dumps(told)) < 100_000


def test_it_gets_no_more_memory_than_is_configured(place: Path) -> None:
    limits = RehearsalSettings(boot=True, timeout_s=60.0, memory_bytes=512 << 20)
    told = Ground(place, "hungry.py", rehearsal=limits).rehearse()
    assert told["failed"] == "api ended with exit code 1 on the restored copy"
    assert "api: MemoryError" in told["log"]


def test_it_gets_no_more_time_than_is_configured(place: Path) -> None:
    limits = RehearsalSettings(boot=True, timeout_s=6.0)
    told = Ground(place, "unhealthy.py", rehearsal=limits).rehearse()
    assert told["failed"] == "not done within 6 s on the restored copy"


def test_a_boot_ends_before_the_disk_is_full(place: Path) -> None:
    isolation = Bubblewrap()
    isolation._least_free = 1 << 60
    told = Ground(place, "unhealthy.py", isolation=isolation).rehearse()
    assert told["not_proven"].startswith("ended: the disk of ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_runs_as_the_user_that_the_service_has(place: Path) -> None:
    with alive(place) as live:
        systemd = SystemdSettings(user="nobody")
        ground = escaping(place, live, target="systemd", systemd=systemd)
        told = ground.rehearse()
        assert told["booted"], told
    found = dict(ground.isolation.findings)
    facts = found.pop("facts")
    nobody = pwd.getpwnam("nobody")
    assert (facts["uid"], facts["groups"]) == (nobody.pw_uid, [nobody.pw_gid])
    assert facts["capabilities"] == facts["permitted"] == "0000000000000000"
    assert {name for name, (how, _) in found.items() if how == "worked"} <= MAY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_that_user_may_write_beside_a_single_file_of_the_backup(place: Path) -> None:
    """SQLite puts its journal there."""
    backup = BackupSettings(databases=("data.db",), folder=place / "backups")
    ground = Ground(
        place,
        env={"DATABASE": str(place / "data.db")},
        target="systemd",
        systemd=SystemdSettings(user="nobody"),
        backup=backup,
    )
    ground.database.rename(place / "data.db")
    told = ground.rehearse()
    assert told["booted"], told


@pytest.mark.skipif(os.geteuid() != 0, reason="to become nobody takes root")
@pytest.mark.skipif(
    sys.version_info[:2] != SYSTEM_PYTHON, reason="the system's Python cannot load our packages"
)
def test_nobody_special_can_boot_a_release_too(place: Path) -> None:
    """As mobius runs on most hosts: no root, a user namespace."""
    nobody = pwd.getpwnam("nobody")
    for folder in filter(None, sys.path):
        if any(
            not each.stat().st_mode & 0o001 for each in (Path(folder), *Path(folder).parents) if each.is_dir()
        ):
            pytest.skip(f"nobody may not come to {folder}")
    (place / "free").mkdir()
    os.chown(place / "free", nobody.pw_uid, nobody.pw_gid)
    python = "/usr/bin/python3"  # ours may lie in a home folder, where nobody else may go
    done = subprocess.run(
        [python, "-m", "adapters.rehearsal.one", str(place / "free" / "project"), "web.py"],
        capture_output=True, text=True, timeout=120, user="nobody", group=nobody.pw_gid, extra_groups=[],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["booted"], told


def test_killed_with_mobius_it_is_gone_and_what_it_left_is_swept_by_the_next(place: Path) -> None:
    mark = f"mobius-orphan-{os.getpid()}"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MARK": mark}
    runner = subprocess.Popen(
        [sys.executable, "-m", "adapters.rehearsal.one", str(place / "project"), "lingering_unhealthy.py"],
        env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert until(lambda: marked(mark)), "the release never started"
    finally:
        runner.kill()
        runner.wait()
    assert until(lambda: not marked(mark)), marked(mark)
    ground = Ground(place / "project")
    assert len(ground.scratch()) == 1
    before = ground.words()
    with scratch_place(ground.root / "run"):
        assert len(ground.scratch()) == 1
    assert ground.scratch() == [] and ground.words() == before == ["live"]


def marked(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if mark in " ".join(process.cmdline()):
                found.append(process.pid)
    return found


def until(is_so: Callable[[], object], within_s: float = 60.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return False
