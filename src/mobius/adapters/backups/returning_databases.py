"""The way back of databases on servers: out of the archive, beside the live ones, and then into their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mobius.adapters.databases.captures import Dumps, member_of
from mobius.adapters.databases.leftovers import own_folder
from mobius.archive.verify import read_metadata
from mobius.errors import MobiusError

Extract = Callable[[Path, Path, str], None]


class ReturningDatabases:
    """Of one environment. `dumps` is None where mobius.toml names no database; `run`: where dumps are laid out
    meanwhile; `extract(archive, folder, member)` takes one out of an archive."""

    def __init__(self, dumps: Dumps | None, run: Path, extract: Extract) -> None:
        self._dumps = dumps
        self._run = run
        self._extract = extract

    def prepare(self, path: Path, *, key: str, progress: Callable[[str], None]) -> tuple[str, ...]:
        """Every database of the archive lies restored and checked beside its live one, which serves on; their names.
        May be repeated. Raises `MobiusError` with nothing left beside any of them."""
        names = databases_in(path)
        dumps = self._of(names)
        begun: list[str] = []
        try:
            for name in names:
                if dumps is None or dumps.is_prepared(name, key=key):
                    continue
                begun.append(name)
                self._run.mkdir(parents=True, exist_ok=True)
                with own_folder(self._run, "dump") as folder:
                    self._extract(path, folder / "copy", member_of(name))
                    dumps.prepare(name, folder / "copy" / member_of(name), progress, key=key)
                progress(f"laid out the database {name}")
        except BaseException:
            for name in begun:
                if dumps is not None:
                    dumps.take_back(name, key=key)
            raise
        return names

    def exchange(self, path: Path, *, key: str, progress: Callable[[str], None]) -> dict[str, str]:
        """Puts all of them in place; what was live before is kept under the names returned. Raises `MobiusError` with
        every database as it was."""
        names = databases_in(path)
        dumps = self._of(names)
        kept: dict[str, str] = {}
        try:
            for name in names:
                if dumps is not None:
                    kept[name] = str(dumps.exchange(name, progress, key=key)["kept_as"])
        except MobiusError:
            self.take_back(key)
            raise
        return kept

    def take_back(self, key: str) -> None:
        """The databases that were replaced under this key are live again; none was is a success."""
        for name in reversed(self._dumps.names if self._dumps else ()):
            if self._dumps is not None:
                self._dumps.take_back(name, key=key)

    def _of(self, names: tuple[str, ...]) -> Dumps | None:
        if names and self._dumps is None:
            raise MobiusError(
                f"the backup holds a database {names[0]}, which mobius.toml does not name",
                f'add [[database]] with name = "{names[0]}" and its address',
            )
        return self._dumps


def databases_in(path: Path) -> tuple[str, ...]:
    """The databases on servers that an archive holds, by their names in mobius.toml."""
    found = read_metadata(path).get("postgresql")
    return tuple(str(name) for name in found) if isinstance(found, Mapping) else ()
