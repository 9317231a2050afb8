"""Runs a project's own command on a scratch database, cut off from everything else as a rehearsal's boot is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mobius.adapters.migrations.cut_off_files import everything_inside, give_database, laid_out, remove_links
from mobius.adapters.migrations.programs import found_in, process_of, tree_around, with_lock_timeout
from mobius.adapters.migrations.source import Progress, Ran, Target
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.addresses import addressed, as_libpq, user_of, without_other_databases
from mobius.adapters.rehearsal.asked import Command, Commanding, Ended
from mobius.adapters.rehearsal.booting import PASSED, copy_of
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.rehearsal.layout import Copied
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.adapters.rehearsal.release_role import url_for_command
from mobius.adapters.rehearsal.whose import give, user_of_service
from mobius.adapters.targets.environment_file import environment_of
from mobius.errors import MobiusError
from mobius.model.settings import DatabaseSettings, EnvironmentSettings

NOT_FOUND = (126, 127)  # as POSIX has it for shells: found and not to be run, not found


class CutOffRunner:
    """`mobius.adapters.migrations.source.Runner` for a rehearsal. Inside there is no network, none of what is live but
    as its restored copy, and one database: the target's. Every variable that leads to another one is left out.

    `room`: a folder of the scratch place that need not be there yet, for copies that are ours to spoil; `restored`: the
    folder that the backup was restored into, None for none. `redact` takes secrets out of what is told.
    """

    def __init__(
        self,
        settings: EnvironmentSettings,
        places: Places,
        environ: Mapping[str, str],
        *,
        room: Path,
        restored: Path | None = None,
        isolation: Commanding | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        self._settings = settings
        self._places = places
        self._environ = environ
        self._room = room
        self._restored = restored
        self._isolation: Commanding = isolation or Bubblewrap()
        self._redact = redact
        self._files: list[Copied] | None = None
        self._can = False
        self._given: Mapping[str, str] = {}

    def why_not(self) -> str:
        """Why nothing can be run here; "" where it can."""
        return self._isolation.why_not()

    def run(
        self, argv: Sequence[str], *, cwd: Path, target: Target, within_s: float, progress: Progress
    ) -> Ran:
        """What `Runner` promises, for at most `rehearsal.timeout`. Raises `NotProvenError` with the reason where it
        cannot be run cut off, which says nothing against the command."""
        if not self._can and (why := self.why_not()):
            raise NotProvenError(f"the migrations cannot be cut off: {why}", "apt install bubblewrap")
        self._can = True
        tree, database = tree_around(cwd, self._places), target.path
        files = self._prepared(self._live_file() if database is not None else None)
        env, sockets = self._environment(target)
        path = env.get("PATH", os.defpath)
        argv = found_in(tree, argv, cwd, path)
        user = user_of_service(self._settings, self._places)
        placed = everything_inside(
            self._settings,
            self._places,
            argv,
            tree,
            path,
            files,
            room=self._room,
            live=self._live_file() if database is not None else None,
            database=database,
            sockets=sockets,
        )
        if user is not None and database is not None:
            give_database(database, user)
        try:
            ended = self._isolation.run(
                Command(tuple(argv), env, str(cwd), user, self._settings.rehearsal.memory_bytes),
                placed,
                within_s=min(within_s, self._settings.rehearsal.timeout_s),
                scratch=self._room,
                progress=lambda line: progress(self._redact(line)),
            )
        finally:
            if database is not None:
                remove_links(database.parent)
        return self._judged(argv, ended)

    def _judged(self, argv: Sequence[str], ended: Ended) -> Ran:
        named = self._redact(" ".join(argv))
        if ended.code is None and "not done within" in ended.why:
            raise MobiusError(f"{named} was ended: {ended.why}", "raise rehearsal.timeout in mobius.toml")
        if ended.code is None:
            raise NotProvenError(f"{named} could not be run cut off: {self._redact(ended.why)}")
        if ended.code in NOT_FOUND:
            raise NotProvenError(
                f"{named} needs a program that is not shown in here", "name its folder in rehearsal.show"
            )
        out = self._redact(ended.out) if ended.is_whole else None
        return Ran(ended.code, self._redact(ended.output), ended.took_s, out)

    def _prepared(self, live: Path | None) -> list[Copied]:
        """The files, and what the process is given, as they are before anything of the release runs here."""
        if self._files is None:
            files = laid_out(self._settings, self._places, self._restored, self._room, live)
            process = process_of(self._settings)
            if process is not None:
                named = self._places.resolve(process.env_file) if process.env_file else None
                file = copy_of(named, files) if named is not None else None
                self._given = environment_of(
                    process, self._settings.name, self._places, self._environ, env_file=file
                )
            user = user_of_service(self._settings, self._places)
            if user is not None:
                give(self._room, user)
            self._files = files
        return self._files

    def _live_file(self) -> Path:
        migrations = self._settings.migrations
        assert migrations is not None and migrations.database is not None
        return self._places.resolve(migrations.database)

    # -- what it is told ----------------------------------------------------------------------------------------

    def _environment(self, target: Target) -> tuple[dict[str, str], list[Path]]:
        """Its variables, and the folders of sockets that it must see for them."""
        named = {each.url_env for each in self._settings.databases if each.url_env}
        sockets: list[Path] = []
        if target.address is None:
            led = without_other_databases(self._given, (), named, files=True)
        else:
            led, socket = self._led_to(target, self._given, named)
            sockets.append(socket)
        passed = {name: value for name, value in self._environ.items() if PASSED.fullmatch(name)}
        ours = {"HOME": "/tmp", "MOBIUS_REHEARSAL": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return with_lock_timeout({**passed, **led, **ours}, target), sockets

    def _led_to(self, target: Target, own: Mapping[str, str], named: set[str]) -> tuple[dict[str, str], Path]:
        """Every variable that leads to the live database leads to the scratch one, and none to another."""
        address, database = target.address, self._database()
        assert address is not None
        folder = address.parameters.get("host", "")
        if not folder.startswith("/"):
            raise NotProvenError(
                f"the scratch copy of {database.name} is on another server, and what is cut off has no network"
            )
        if database.url_env in self._environ:
            own = {database.url_env: self._environ[database.url_env], **own}
        url = url_for_command(address, user_of(own.get(database.url_env, "") or database.url))
        led = addressed(own, {database.name: (database, url)})
        ours = {*as_libpq(url), *(name for name, value in led.items() if own.get(name) != value)}
        return without_other_databases(led, ours, named, files=False), Path(folder)

    def _database(self) -> DatabaseSettings:
        wanted = self._settings.migrations.database if self._settings.migrations else None
        for database in self._settings.databases:
            if database.name == wanted:
                return database
        raise NotProvenError(f"there is no [[database]] {wanted} in mobius.toml")
