"""Going back with data on a real service: what would be lost, who else it concerns, what was lost, and where it is."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from journeys.service import Service

pytestmark = pytest.mark.journey
needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")


def with_two_releases(service: Service, **v1: object) -> str:
    """v1 with five rows, v2 live with three more; returns the backup of v1."""
    service.add_release("v1", **v1)
    service.add_release("v2", migrations=2)
    service.mobius("deploy", "--tag", "v1", "--quiet", expect=0)
    for _ in range(5):
        assert service.post()["code"] == 200
    service.mobius("deploy", "--tag", "v2", "--quiet", expect=0)
    for _ in range(3):
        assert service.post()["code"] == 200
    return newest_backup(service)


def newest_backup(service: Service) -> str:
    return sorted(path.name for path in (service.folder / "backups").glob("probe_*_*.zip"))[-1]


def event(service: Service, kind: str) -> dict[str, object]:
    [(data,)] = service.journal(f"SELECT data FROM events WHERE kind = '{kind}' ORDER BY seq DESC LIMIT 1")
    found: dict[str, object] = json.loads(data)
    return found


def test_what_would_be_lost_is_said_before_and_listed_after_and_the_replaced_data_goes_when_it_is_accepted(
    new_service: Callable[..., Service],
) -> None:
    service = new_service()
    backup = with_two_releases(service)
    database = service.root / "shared" / "data" / "app.db"

    dry = service.mobius("rollback", "--backup", backup, "--dry-run", expect=0)
    assert "posts: 3 added (of 8 rows)" in dry.out
    told = service.mobius("rollback", "--backup", backup, "--dry-run", "--json", expect=0).json["losing"]
    assert told["judged"]["loss"] == "something"
    assert (told["judged"]["rows_added"], told["judged"]["exact"]) == (5, False)

    asked = service.mobius("rollback", "--backup", backup, expect=2)
    assert "posts: 3 added (of 8 rows)" in asked.err
    assert asked.err.splitlines()[-1] == "  add --yes"
    assert [path.name for path in database.parent.parent.iterdir() if "before" in path.name] == []

    service.mobius("rollback", "--backup", backup, "--yes", "--quiet", expect=0)
    assert service.get()["posts"] == 5
    rows = service.folder / "premerge_artifacts" / "lost-rows.jsonl"
    lost = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [(row["change"], row["key"]) for row in lost if row["table"] == "posts"] == [
        ("added", {"id": number}) for number in (6, 7, 8)
    ]
    assert stat.S_IMODE(rows.stat().st_mode) == 0o600
    report = json.loads(service.mobius("report", "--json", expect=0).out)["rollback"]
    assert [(limit["name"], limit["seconds"], limit["kept"]) for limit in report["limits"]] == [
        ("rollback_within", 600.0, True),
        ("emergency_within", 300.0, True),
    ]
    kept = report["lost"]["emergency"]
    assert kept.startswith("emergency_")
    command = report["lost"]["get_back"].split()
    assert command == ["mobius", "backup", "restore", kept, "-e", "production", "--only", "data/shared/data"]
    service.mobius(*command[1:], "--to", "was", expect=0)
    with closing(sqlite3.connect(service.folder / "was/data/shared/data/app.db")) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (8,)
    assert report["traffic_back_s"] <= report["seconds"]

    [replaced] = database.parent.parent.glob(".data.before-run-3-*[0-9]")
    with closing(sqlite3.connect(replaced / "app.db")) as db:
        assert db.execute("SELECT count(*) FROM posts").fetchone() == (8,)
    service.mobius("accept", expect=0)
    assert not replaced.exists(), "the emergency backup has all of it"


def test_a_process_that_has_the_data_open_and_is_not_the_service_stops_it_before_anything_is_touched(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(alone=False)
    backup = with_two_releases(service)
    database = service.root / "shared" / "data" / "app.db"
    script = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('SELECT * FROM posts'); input('open\\n')"
    argv = ["python3", "-c", script, str(database)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None and shell.stdout.readline() == "open\n"
        refused = service.mobius("rollback", "--backup", backup, "--yes", expect=3)
        assert f"open files: process {shell.pid} (python3) has {database}" in refused.err
        assert "--even-if-open" in refused.err
        assert service.get()["release"] == "v2"
        shell.communicate("\n")
    service.mobius("rollback", "--backup", backup, "--yes", "--quiet", expect=0)
    assert service.get()["release"] == "v1"


class Clients:
    """Ask and post all the time, each on a connection of its own; every answer is counted by its status."""

    def __init__(self, service: Service, number: int = 8) -> None:
        self.answers: Counter[str] = Counter()
        self._service = service
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(n % 2 == 0,)) for n in range(number)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, posts: bool) -> None:
        while not self._end.is_set():
            answer = self._once(b"x" if posts else None)
            with self._lock:
                self.answers[answer] += 1
            self._end.wait(0.01)

    def _once(self, body: bytes | None) -> str:
        request = urllib.request.Request(self._service.url + "/", data=body)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return str(answer.status)
        except urllib.error.HTTPError as refusal:
            with refusal:
                again = refusal.headers.get("Retry-After")
                return f"{refusal.code}, again in {again} s" if again else str(refusal.code)
        except OSError as problem:
            return f"no answer: {problem}"


HOLD = '\n[environments.production.door]\nhold_max = "<hold>"\n'


def test_under_load_every_request_waits_and_is_answered_and_what_was_lost_is_counted(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(alone=False, more=HOLD.replace("<hold>", "60s"))
    backup = with_two_releases(service)

    with Clients(service) as clients:
        service.mobius("rollback", "--backup", backup, "--yes", "--quiet", expect=0)

    assert set(clients.answers) == {"200"}
    held = event(service, "held")
    assert int(str(held["waited"])) > 0
    assert held["turned_away"] == 0
    lost = event(service, "lost")
    listed = (service.folder / "premerge_artifacts" / "lost-rows.jsonl").read_text().splitlines()
    counts = lost["counts"]
    assert isinstance(counts, dict)
    assert len([line for line in listed if not json.loads(line)["late"]]) == sum(counts.values())
    late = [json.loads(line) for line in listed if json.loads(line)["late"]]
    assert lost["late"] == len(late)
    [kept] = (service.root / "shared").glob(".data.before-run-3-*[0-9]")
    with closing(sqlite3.connect(kept / "app.db")) as db:
        (rows,) = db.execute("SELECT count(*) FROM posts").fetchone()
    posts = [json.loads(line) for line in listed if json.loads(line)["table"] == "posts"]
    assert len([row for row in posts if not row["late"]]) == rows - 5, "every row that was there is listed"


def test_a_hold_that_is_too_short_is_said_before_and_answers_503_with_when_to_come_again(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(alone=False, more=HOLD.replace("<hold>", "300ms"))
    backup = with_two_releases(service, listens_after_s=1.5)
    dry = service.mobius("rollback", "--backup", backup, "--dry-run", expect=0)
    assert "longer than the 0.3 s that requests may wait" in " ".join(dry.out.split())

    with Clients(service) as clients:
        service.mobius("rollback", "--backup", backup, "--yes", "--quiet", expect=0)

    turned_away = [
        number for answer, number in clients.answers.items() if answer.startswith("503, again in ")
    ]
    assert set(clients.answers) == {"200", *(a for a in clients.answers if a.startswith("503, again in "))}
    assert sum(turned_away) > 0
    assert event(service, "held")["turned_away"] == sum(turned_away)
    assert service.get()["release"] == "v1"


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "mobius-test", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@needs_root
def test_data_on_a_mount_of_its_own_comes_back_there(new_service: Callable[..., Service]) -> None:
    service = new_service(alone=False)
    data = service.root / "shared" / "data"
    with mounted(data, "32m"):
        backup = with_two_releases(service)
        service.mobius("rollback", "--backup", backup, "--yes", "--quiet", expect=0)
        assert service.get()["posts"] == 5
        assert os.path.ismount(data)
        assert len(list(data.glob(".mobius-before-run-3-*[0-9]"))) == 1
        service.mobius("accept", expect=0)
        assert list(data.glob(".mobius-*")) == []
        service.close()


@needs_root
@pytest.mark.parametrize("inside", [True, False])
def test_a_disk_that_fills_up_in_the_middle_leaves_the_old_data_and_the_service(
    new_service: Callable[..., Service], inside: bool
) -> None:
    service = new_service(alone=False)
    data = service.root / "shared" / "data"
    with mounted(data if inside else data.parent, "16m"):
        data.mkdir(exist_ok=True)
        (data / "films.bin").write_bytes(os.urandom(5_000_000))
        backup = with_two_releases(service)
        ballast = data / "ballast" if inside else data.parent / "ballast"
        free = shutil.disk_usage(data).free
        ballast.write_bytes(os.urandom(free - 1_000_000))
        before = sorted(path.name for path in data.parent.iterdir())

        done = service.mobius("rollback", "--backup", backup, "--yes")

        assert done.code == 13, done
        assert "refused, nothing was changed: " in done.out and "disk" in done.out
        answer = service.get()
        assert (answer["release"], answer["posts"]) == ("v2", 8)
        assert sorted(path.name for path in data.parent.iterdir()) == before
        assert list(data.glob(".mobius-*")) == []
        ballast.unlink()
        service.mobius("rollback", "--backup", backup, "--yes", "--quiet", expect=0)
        assert service.get()["posts"] == 5
        service.close()


def test_the_latest_good_backup_is_taken_from_records_and_not_from_names_or_times(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(alone=False)
    backup = with_two_releases(service)
    folder = service.folder / "backups"
    # A copy under a later name, an older one touched, rubbish, and an emergency backup with the newest name of all.
    for suffix in ("", ".sha256"):
        shutil.copy(folder / f"{backup}{suffix}", folder / f"probe_20991231_235959.zip{suffix}")
    (folder / "probe_20991231_235958.zip").write_bytes(b"PK\x03\x04 rubbish")
    initial = next(folder.glob("initial_*.zip"), None)
    if initial is not None:
        os.utime(initial, (2_000_000_000, 2_000_000_000))

    dry = service.mobius("rollback", "--latest-good", "--dry-run", "--json", expect=0).json
    assert Path(dry["facts"]["backup"]).name == backup
    journal = service.root / "journal.db"
    for suffix in ("", "-wal", "-shm"):
        Path(f"{journal}{suffix}").unlink(missing_ok=True)
    dry = service.mobius("rollback", "--latest-good", "--dry-run", "--json", expect=0).json
    assert Path(dry["facts"]["backup"]).name == backup
    assert any("20991231" in line for line in dry["facts"]["skipped"])

    service.mobius("rollback", "--latest-good", "--emergency", "--quiet", expect=0)
    assert (service.get()["release"], service.get()["posts"]) == ("v1", 5)
