"""A live service with data worth a backup, and what must hold of its backups and its data whatever was killed."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from faults.scenes import broken_archives, leftovers
from journeys.service import Done, Service, wait_until
from mobius.archive import extract_archive

SETTLED = ("accepted", "rolled_back", "observing", "inconclusive")
STUCK = ("failed", "needs_operator", "refused", "aborted")


class Ground:
    """One service, its release `v1` live, with `media_mb` of files beside its database."""

    def __init__(self, folder: Path, *, media_mb: int = 8) -> None:
        self.service = Service(folder, window="600ms", interval="200ms", alone=False)
        self.backups = folder / "backups"
        self.data = self.service.root / "shared" / "data"
        self.service.add_release("v1")
        self.service.mobius("deploy", "--tag", "v1", "--quiet", expect=0)
        for number in range(media_mb):
            (self.data / f"clip-{number}.mp4").write_bytes(hashlib.shake_256(bytes([number])).digest(1 << 20))
        (self.data / "many").mkdir()
        for number in range(300):
            (self.data / "many" / f"{number}.json").write_text(f'{{"number": {number}}}' * 50)
        self.service.mobius("accept")

    def close(self) -> None:
        self.service.close()

    # -- acting ------------------------------------------------------------------------------------------------

    def backup(self) -> Path:
        """One that is not disturbed."""
        return Path(self.service.mobius("backup", "create", "--json", expect=0).json["path"])

    def kill_a_backup_after(self, delay_s: float) -> Done:
        """`mobius backup create`, dead by SIGKILL at that moment unless it was over."""
        process = self.service.start("backup", "create")
        until = time.monotonic() + delay_s
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        return self.service.finish(process)

    def kill_a_rollback_after(self, backup: Path, delay_s: float) -> tuple[Done, bool]:
        """`mobius rollback --backup`, its runner dead by SIGKILL so long after it began; False when it was over."""
        before = self._last_run()
        process = self.service.start("rollback", "--backup", str(backup), "--yes", "--quiet")

        def its_runner() -> int:
            if process.poll() is not None:
                return -1
            number = self._last_run()
            return self.service.runner_pid(number) if number > before else 0

        pid = wait_until(its_runner, 60, what="the runner of the rollback")
        time.sleep(delay_s)
        struck = pid > 0 and self.service.runner_pid(self._last_run()) == pid
        if struck:
            _kill(pid)
        return self.service.finish(process), struck

    # -- looking -----------------------------------------------------------------------------------------------

    def broken(self) -> list[str]:
        """What no kill may leave behind: a published archive that does not hold, or has no checksum of its own."""
        return broken_archives(self.backups)

    def left(self) -> list[str]:
        """What a later backup must have swept."""
        return leftovers(self.backups)

    def archives(self) -> set[str]:
        return {path.name for path in self.backups.glob("*.zip")}

    def posts(self) -> int:
        """How many rows the live database has."""
        return int(self.service.rows("SELECT count(*) FROM posts")[0][0])

    def posts_in(self, backup: Path, into: Path) -> int:
        """How many a backup has; its database is whole."""
        extract_archive(backup, into, prefixes=["data"], trusted=True)
        with closing(sqlite3.connect(into / "data" / "shared" / "data" / "app.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return int(db.execute("SELECT count(*) FROM posts").fetchone()[0])

    def files(self) -> dict[str, str]:
        """The live tree without its database, by content."""
        return {
            str(path.relative_to(self.data)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.data.rglob("*"))
            if path.is_file() and not path.name.startswith("app.db")
        }

    def settled(self) -> dict[str, Any]:
        """The last run that changes something, once it rests."""
        query = "SELECT id, state, sentence FROM runs WHERE kind != 'monitor' ORDER BY id DESC LIMIT 1"

        def run() -> dict[str, Any]:
            return dict(zip(("id", "state", "sentence"), self.service.journal(query)[0], strict=True))

        wait_until(lambda: run()["state"] in (*SETTLED, *STUCK), 90, what="the run settles")
        return run()

    def _last_run(self) -> int:
        return int(
            self.service.journal("SELECT coalesce(max(id), 0) FROM runs WHERE kind != 'monitor'")[0][0]
        )


def _kill(pid: int) -> None:
    import os

    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
