"""A temporary PostgreSQL cluster of our own: on a Unix socket, without a network, gone at the end or at next use."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mobius.adapters.databases.postgres_address import Address, driver
from mobius.adapters.databases.postgres_programs import program, running
from mobius.adapters.databases.scratch_place import ScratchPlace, server_uid
from mobius.errors import MobiusError

SUPERUSER = "mobius_scratch"
PORT = "5432"  # only the name of the socket: nothing listens on the network
START_TIMEOUT_S = 600.0  # recovery from an archive replays what was written since

# A scratch copy is thrown away: nothing of it need survive a crash, and it must reach nobody.
SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0777",  # whoever may come must still know the password
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "archive_mode": "off",
    "archive_command": "",
    "max_wal_size": "4GB",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "256MB",
    "max_logical_replication_workers": "0",
    "shared_preload_libraries": "",
    "ssl": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_statement": "none",
}


@dataclass(slots=True)
class Cluster:
    """One cluster in its place. `major`: of the server programs."""

    place: ScratchPlace
    major: int
    superuser: str = SUPERUSER
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    extra: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """initdb, with a password that nobody else knows."""
        self.place.own(self.place.data)
        words = self.place.folder / "password"
        words.touch(0o600)
        words.write_text(self.password)
        if self.place.uid >= 0:
            os.chown(words, self.place.uid, -1)
        argv: list[str | Path] = [
            program("initdb", self.major, same=True).path,
            *("-D", self.place.data, "-U", SUPERUSER, f"--pwfile={words}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ]
        with running(
            argv, env=self.place.environment, timeout_s=120, cwd=self.place.folder, uid=self.place.uid
        ) as making:
            making.wait("a scratch PostgreSQL could not be made", str, lambda _: "")
        words.unlink()

    @contextlib.contextmanager
    def started(self, *, cut_off: bool = True, environ: Mapping[str, str] | None = None) -> Iterator[Address]:
        """Runs it while inside the `with`; the address of its database `postgres`. `cut_off`: without a network, where
        this machine lets us. `environ`: what else the server finds."""
        settings = {**SETTINGS, "unix_socket_directories": str(self.place.socket), **self.extra}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        argv = [
            *server_words(self.place.uid, cut_off=cut_off),
            str(program("postgres", self.major, same=True).path),
            *("-D", str(self.place.data)),
            *options,
        ]
        log = self.place.folder / "server.log"
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                argv,
                env={**(environ or {}), **self.place.environment},
                cwd=self.place.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        try:
            self._await()
            yield self.address("postgres")
        except MobiusError as problem:
            # Whoever was connected saw only that the line was cut; the server's last words say why.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
                raise MobiusError(
                    f"{problem.message}: {_last_words(log)}", problem.hint, details=problem.details
                ) from problem
            raise
        finally:
            self._stop()

    def address(self, database: str) -> Address:
        """Everything is said, so that no variable of ours (PGHOSTADDR, PGSERVICE, …) can lead elsewhere."""
        where = {
            "host": str(self.place.socket),
            "hostaddr": "",
            "port": PORT,
            "user": self.superuser,
            "dbname": database,
            "passfile": os.devnull,
            "options": "",
            "sslmode": "disable",
            "gssencmode": "disable",
            "target_session_attrs": "any",
        }
        return Address(database, where, {"password": self.password} if self.password else {})

    def _await(self) -> None:
        """Until it answers; its own log says why it does not."""
        psycopg = driver()
        until = time.monotonic() + START_TIMEOUT_S
        address = self.address("postgres")
        assert self._process is not None
        while True:
            ended = self._process.poll() is not None
            try:
                with contextlib.closing(
                    psycopg.connect(**address.parameters, **address.secrets, connect_timeout="5")
                ) as db:
                    self._refuse_another(db)
                    return
            except psycopg.OperationalError as problem:
                if ended:
                    raise MobiusError(
                        "a scratch PostgreSQL did not start", "look at its last words"
                    ) from None
                if time.monotonic() > until:
                    raise MobiusError(
                        f"a scratch PostgreSQL did not answer within {START_TIMEOUT_S:.0f} s: {problem}",
                        "the machine may be busy: try again",
                    ) from None
            time.sleep(0.05)

    def _refuse_another(self, db: object) -> None:
        """What answered must be the server whose files lie here; whatever the environment says."""
        row = db.execute("SHOW data_directory").fetchone()  # type: ignore[attr-defined]
        if Path(row[0]).resolve() != self.place.data.resolve():
            raise MobiusError(
                "another server answered where the scratch PostgreSQL should", "unset PGSERVICE"
            )

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # at once: it is thrown away
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)


def _last_words(log: Path) -> str:
    """The reason that a server gave for its end."""
    said = log.read_text("utf-8", "replace").strip().splitlines()
    # What it told to clients that came too early or too late is no reason.
    fatal = [
        line for line in said if ("FATAL" in line or "PANIC" in line) and "database system is" not in line
    ]
    return (fatal or said or ["it said nothing"])[-1].strip()


def server_words(uid: int, *, cut_off: bool) -> list[str]:
    """The words before a command that make it run as this user, and take its network away."""
    unshare = _unshare() if cut_off else ""
    if uid < 0:
        return [unshare, "--user", "--map-current-user", "--net", "--"] if unshare else []
    import pwd  # not on Windows, where none of this is reached

    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise MobiusError("setpriv is not installed", "apt install util-linux")
    gid = pwd.getpwuid(uid).pw_gid
    become = [setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--"]
    return [unshare, "--net", "--", *become] if unshare else become


@functools.cache
def _unshare() -> str:
    """The program, where it is allowed to do so; else ""."""
    found = shutil.which("unshare")
    if found is None:
        return ""
    how = ["--net"] if os.geteuid() == 0 else ["--user", "--map-current-user", "--net"]
    try:
        done = subprocess.run([found, *how, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found if done.returncode == 0 else ""


def require_programs(major: int) -> None:
    """Raises `MobiusError` where no scratch cluster of this version could be started on this machine."""
    for name in ("initdb", "postgres", "pg_restore", "pg_controldata"):
        program(name, major, same=name != "pg_restore")
    server_words(server_uid(), cut_off=False)


def is_cut_off() -> bool:
    """Whether scratch clusters have no network on this machine."""
    return bool(_unshare())
