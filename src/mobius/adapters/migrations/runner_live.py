"""Runs a project's own command on the live database, as its service would: alone, bounded, and heard line by line."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.adapters.inside import given_by_unit
from mobius.adapters.migrations.hearing import heard
from mobius.adapters.migrations.postgres_lock import sole_migrator
from mobius.adapters.migrations.programs import found_in, process_of, tree_around, with_lock_timeout
from mobius.adapters.migrations.source import Progress, Ran, Target
from mobius.adapters.places import Places
from mobius.adapters.processes import kill_group
from mobius.adapters.rehearsal.asked import As
from mobius.adapters.rehearsal.whose import user_of_service
from mobius.adapters.targets.environment_file import environment_of
from mobius.archive.durable import lock_file
from mobius.errors import Locked, MobiusError
from mobius.host.slots import inherited_environment
from mobius.model.advance import Waiting
from mobius.model.settings import EnvironmentSettings

PATIENCE_S = 600.0  # with a command that outlived its deployer: what it does is not known before it has ended
BETWEEN_LOOKS_S = 0.2


class LiveRunner:
    """`mobius.adapters.migrations.source.Runner` for a deployment. The command has the environment of the process that
    `migrations.process` names, and runs as the service does.

    Nobody else migrates meanwhile: we hold a lock in the database, and with the command a lock on this machine. A
    killed deployer loses the first at once; the second stays with the command, so that whoever carries on waits for its
    end before looking at what it did.
    """

    def __init__(
        self,
        settings: EnvironmentSettings,
        places: Places,
        environ: Mapping[str, str],
        *,
        redact: Callable[[str], str] = str,
    ) -> None:
        self._settings = settings
        self._places = places
        self._environ = environ
        self._redact = redact

    def run(
        self, argv: Sequence[str], *, cwd: Path, target: Target, within_s: float, progress: Progress
    ) -> Ran:
        """What `Runner` promises. Raises `Locked` too, when somebody else migrates this database."""
        if not takes_options(target):
            unbound = "the server is reached by a pooler that takes no lock_timeout: nothing bounds the wait for a lock"
            progress(Waiting(unbound))
            target = replace(target, lock_timeout_s=0.0)
        env = self._environment(target)
        argv = found_in(tree_around(cwd, self._places), argv, cwd, env.get("PATH", os.defpath))
        with self._alone(target, progress) as lock, _sole(target):
            began = time.monotonic()
            process = self._started(argv, cwd, {**env, **_of_home(self._user())}, lock)
            try:
                said = heard(process, until=began + within_s, progress=progress, redact=self._redact)
            finally:
                kill_group(process)
            if said is None:
                raise MobiusError(
                    f"{self._named(argv)} was not done within {within_s:g} s, and was ended",
                    "look at what it did to the database before it is tried again: mobius status",
                )
            return Ran(process.returncode, said.output, time.monotonic() - began, said.out)

    def finds(self, argv: Sequence[str], *, cwd: Path) -> bool:
        """What `Finding` promises; the PATH is that of its process."""
        path = self._own_environment().get("PATH", os.defpath)
        program = found_in(tree_around(cwd, self._places), argv, cwd, path)[0]
        return shutil.which(program, path=path) is not None

    def wait(self, target: Target, progress: Progress) -> None:
        """For the end of a command that outlived its deployer. Raises `Locked` where it does not end."""
        with contextlib.suppress(OSError), self._alone(target, progress):
            pass  # a lock that cannot even be made, on a full disk, is held by nobody

    def _started(
        self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], lock: int
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=[lock],
                **_as(self._user()),
            )
        except (OSError, ValueError, subprocess.SubprocessError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else str(problem)
            raise MobiusError(
                f"{self._named(argv)} cannot be started: {why}",
                "it is looked for in the release first, then on the PATH",
            ) from problem

    def _user(self) -> As | None:
        return user_of_service(self._settings, self._places)

    def _own_environment(self) -> dict[str, str]:
        """As its process has it."""
        process = process_of(self._settings)
        by_unit, _ = given_by_unit(self._settings)
        own = environment_of(process, self._settings.name, self._places, self._environ) if process else {}
        return {**inherited_environment(), **by_unit, **own}

    def _environment(self, target: Target) -> dict[str, str]:
        """As its process has it, and what names the live database even where the process is told of it otherwise."""
        env = self._own_environment()
        for database in self._settings.databases:
            if database.url_env and database.url_env in self._environ:
                env.setdefault(database.url_env, self._environ[database.url_env])
            if target.address is not None and database.name == target.address.name and database.url_env:
                from mobius.adapters.databases.postgres_address import url_of

                env.setdefault(database.url_env, url_of(target.address))
        return with_lock_timeout(env, target)

    @contextlib.contextmanager
    def _alone(self, target: Target, progress: Progress) -> Iterator[int]:
        """The lock on this machine, which the command inherits. An earlier one may still run, when its deployer was
        killed: then we wait for it."""
        if target.path is not None:
            target.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(target.path.parent, os.O_RDONLY)
        else:
            run = self._places.root / "run"
            run.mkdir(parents=True, exist_ok=True)
            fd = os.open(run / "migrating.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            until = time.monotonic() + max(target.retry_within_s, PATIENCE_S)
            is_told = False
            while not lock_file(fd, wait=False):
                if not is_told:
                    progress(Waiting("waiting for the end of a migration that runs already"))
                    is_told = True
                if time.monotonic() > until:
                    raise Locked(
                        f"{target} is being migrated by a command that runs already",
                        "wait for its end, or end it; then resume: mobius resume",
                    )
                time.sleep(BETWEEN_LOOKS_S)
            yield fd
        finally:
            os.close(fd)

    def _named(self, argv: Sequence[str]) -> str:
        return self._redact(" ".join(argv))


def takes_options(target: Target) -> bool:
    """Whether sessions may begin with settings of their own; a pooler such as PgBouncer refuses those that it does not
    know, and with them the session."""
    if target.address is None or not target.lock_timeout_s:
        return True
    from mobius.adapters.databases.postgres_address import CONNECT_TIMEOUT_S, driver

    psycopg = driver()
    given = {**target.address.parameters, **target.address.secrets}
    given = {"connect_timeout": str(CONNECT_TIMEOUT_S), **given, "options": "-c lock_timeout=1000"}
    try:
        psycopg.connect(**given).close()
    except psycopg.OperationalError as problem:
        return "startup parameter" not in str(problem)
    return True


def _as(user: As | None) -> dict[str, Any]:
    """For `subprocess`."""
    return {"user": user.uid, "group": user.gid, "extra_groups": list(user.groups)} if user else {}


def _of_home(user: As | None) -> dict[str, str]:
    """What tools look for their own files by."""
    if user is None:
        return {}
    import pwd

    entry = pwd.getpwuid(user.uid)
    return {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}


@contextlib.contextmanager
def _sole(target: Target) -> Iterator[None]:
    """The lock in the database, of whichever machine."""
    if target.address is None:
        yield
        return
    from mobius.adapters.databases.postgres_address import connected

    with connected(target.address, f"{target.address} cannot be migrated") as db:
        if db.info.server_version >= 140_000:
            db.execute("SET idle_session_timeout = 0")  # it says nothing while the command runs
        with sole_migrator(db, target.address):
            yield
