"""Runs a project's own command on a scratch database, cut off from everything else as a rehearsal's boot is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mobius.adapters.migrations.programs import found_in, process_of, tree_around, with_lock_timeout
from mobius.adapters.migrations.source import Progress, Ran, Target
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.addresses import addressed, as_libpq, user_of, without_other_databases
from mobius.adapters.rehearsal.asked import As, Command, Commanding, Ended, Mount
from mobius.adapters.rehearsal.booting import (
    PASSED,
    Restored,
    copy_of,
    data_copies,
    empty_places,
    hidden_places,
    refuse_what_leads_away,
)
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap, own_programs
from mobius.adapters.rehearsal.copying import copy_folder
from mobius.adapters.rehearsal.layout import Copied, mounts, programs_of
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.adapters.rehearsal.release_role import url_for_command
from mobius.adapters.rehearsal.whose import give, user_of_service
from mobius.adapters.targets.environment_file import environment_of
from mobius.archive.sqlite_capture import COMPANIONS
from mobius.errors import MobiusError
from mobius.model.settings import DatabaseSettings, EnvironmentSettings, ProcessSettings

DATABASE = Path("/migrated")  # where the folder of a scratch SQLite file lies inside
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
        self._copied: list[Copied] | None = None

    def why_not(self) -> str:
        """Why nothing can be run here; "" where it can."""
        return self._isolation.why_not()

    def run(
        self, argv: Sequence[str], *, cwd: Path, target: Target, within_s: float, progress: Progress
    ) -> Ran:
        """What `Runner` promises, for at most `rehearsal.timeout`. Raises `NotProvenError` with the reason where it
        cannot be run cut off, which says nothing against the command."""
        if why := self.why_not():
            raise NotProvenError(f"the migrations cannot be cut off: {why}", "apt install bubblewrap")
        tree = tree_around(cwd, self._places)
        copies = self._copies()
        env, sockets = self._environment(target, copies)
        argv = found_in(tree, argv, cwd, env.get("PATH", os.defpath))
        database = _beside_nothing(target.path) if target.path is not None else []
        if target.path is not None:
            copies = self._with_link_to(target.path, copies)
        placed = [*self._mounts(argv, tree, env, copies, sockets), *database]
        user = user_of_service(self._settings, self._places)
        if user is not None:
            give(self._room, user)
            _give_database(target.path, user)
        ended = self._isolation.run(
            Command(tuple(argv), env, str(cwd), user, self._settings.rehearsal.memory_bytes),
            sorted(placed, key=lambda mount: mount.at.parts),
            within_s=min(within_s, self._settings.rehearsal.timeout_s),
            scratch=self._room,
            progress=lambda line: progress(self._redact(line)),
        )
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

    # -- what it sees -------------------------------------------------------------------------------------------

    def _copies(self) -> list[Copied]:
        """The restored data, copied once more: what a command does to it must not be there when a release starts."""
        if self._copied is None:
            self._room.mkdir(parents=True, exist_ok=True)
            copies: list[Copied] = []
            if self._restored is not None:
                files = self._room / "files"
                every = (self._restored / name for name in ("release", "databases"))
                left_out = {path for path in every if path.is_dir()}
                copy_folder(
                    self._restored, files, "a copy of the restored files for the migrations", left_out
                )
                copies = data_copies(Restored(files, self._room, {}, {}), self._settings, self._places)
                refuse_what_leads_away(files, copies)
            empty, _ = empty_places(copies, self._settings, self._places, self._room)
            self._copied = [*empty, *copies]
        return self._copied

    def _with_link_to(self, database: Path, copies: Sequence[Copied]) -> list[Copied]:
        """At the path of the live SQLite file lies a link to the scratch one, in whose own folder SQLite then puts its
        journals, so that those who look on from outside find them."""
        live = self._live_file()
        found = [each for each in copies if each.live != live]
        around = [each for each in found if live.is_relative_to(each.live) and each.copy.is_dir()]
        if not around:
            around = [Copied(live.parent, self._room / "around-the-database")]
            found += around
        nearest = max(around, key=lambda each: len(each.live.parts))
        link = nearest.copy / live.relative_to(nearest.live)
        link.parent.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *COMPANIONS):
            Path(f"{link}{suffix}").unlink(missing_ok=True)
        link.symlink_to(DATABASE / database.name)
        return found

    def _live_file(self) -> Path:
        migrations = self._settings.migrations
        assert migrations is not None and migrations.database is not None
        return self._places.resolve(migrations.database)

    def _mounts(
        self,
        argv: Sequence[str],
        tree: Path,
        env: Mapping[str, str],
        copies: Sequence[Copied],
        sockets: Sequence[Path],
    ) -> tuple[Mount, ...]:
        hidden = hidden_places(self._settings, self._places)
        if not sockets:
            hidden.append(self._live_file())
        started = [ProcessSettings("migrations", tuple(argv))]
        programs = programs_of(started, tree, env.get("PATH", os.defpath), hidden)
        is_staged = tree.parent == self._places.releases
        return mounts(
            copies,
            hidden=hidden,
            shown=[*own_programs(), *programs, tree, *sockets, *self._settings.rehearsal.show],
            links={self._places.root / "current": Path("releases") / tree.name} if is_staged else {},
            room=self._room,
        )

    # -- what it is told ----------------------------------------------------------------------------------------

    def _environment(self, target: Target, copies: Sequence[Copied]) -> tuple[dict[str, str], list[Path]]:
        """Its variables, and the folders of sockets that it must see for them."""
        process, own = process_of(self._settings), dict[str, str]()
        if process is not None:
            file = copy_of(self._places.resolve(process.env_file), copies) if process.env_file else None
            own = environment_of(process, self._settings.name, self._places, self._environ, env_file=file)
        named = {each.url_env for each in self._settings.databases if each.url_env}
        sockets: list[Path] = []
        if target.address is None:
            led = without_other_databases(own, (), named, files=True)
        else:
            led, socket = self._led_to(target, own, named)
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


def _beside_nothing(database: Path) -> list[Mount]:
    """The folder of the scratch file, with all else that lies there covered."""
    ours = {f"{database.name}{suffix}" for suffix in ("", *COMPANIONS)}
    found = [Mount("copy", DATABASE, database.parent)]
    for other in sorted(database.parent.iterdir()):
        if other.name not in ours and not other.is_symlink():
            at = DATABASE / other.name
            found.append(Mount("mask", at) if other.is_dir() else Mount("show", at, Path(os.devnull)))
    return found


def _give_database(database: Path | None, user: As) -> None:
    """It belongs to whoever the command runs as, and so does the folder, for its journals."""
    if database is None:
        return
    for path in (database.parent, *(Path(f"{database}{suffix}") for suffix in ("", *COMPANIONS))):
        if path.exists() and path.stat().st_uid == 0:
            os.chown(path, user.uid, user.gid)
