"""OSV-Scanner of all lock files at once, together with one that everybody knows to be vulnerable; what a file
osv-scanner.toml of the project ignores is found all the same: only a waiver has a name and an end."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mobius.adapters.scanners.calling import Calling
from mobius.adapters.scanners.npm import CANARY, LOCK
from mobius.model.scan import Known
from mobius.rules.scanning.osv import read_osv
from mobius.rules.scanning.shapes import Unread

MISSING = "install OSV-Scanner 2, or name the program: [scan] osv"
WORDS = ("scan", "source", "--format", "json", "--all-packages")
OFFLINE = ("--offline", "--offline-vulnerabilities")
CACHE = "OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY"


class Osv:
    """Asks OSV-Scanner. `words`: how it is called."""

    def __init__(
        self, calling: Calling, words: Sequence[str], project: Path, environ: Mapping[str, str]
    ) -> None:
        self._calling = calling
        self._words = tuple(words)
        self._project = project
        self._environ = environ

    def ask(self, paths: Sequence[str]) -> Known:
        """Of these lock files of the project. Raises `Unread`."""
        with tempfile.TemporaryDirectory(prefix="mobius-scan-") as folder:
            known = Path(folder) / "package-lock.json"
            known.write_text(json.dumps(LOCK), encoding="utf-8")
            ours = Path(folder) / "osv-scanner.toml"
            ours.touch()
            files = [*(self._project / path for path in paths), known]
            named = [word for file in files for word in ("--lockfile", str(file))]
            output, code = self._calling.tool(
                [*self._words, *WORDS, "--config", str(ours), *named], cwd=self._project, missing=MISSING
            )
            found, looked_at = read_osv(output, code)
            name, version = CANARY
            if not any(each.package == name and _same(each.place, known) for each in found):
                raise Unread(f"osv-scanner knows of no vulnerability in {name} {version}: it has no data")
            for path in paths:
                if not any(_same(place, self._project / path) for place in looked_at):
                    raise Unread(f"osv-scanner found no package in {path}")
            theirs = tuple(each for each in found if not _same(each.place, known))
            count = sum(many for place, many in looked_at.items() if not _same(place, known))
        tool = self._calling.version(self._words, cwd=self._project)
        return Known(theirs, self._data_age_s(), count, tool)

    def _data_age_s(self) -> float:
        """0 where a server was asked; else of the oldest part of the database beside it. Raises `Unread`."""
        if not any(word.partition("=")[0] in OFFLINE for word in self._words):
            return 0.0
        home = self._environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = Path(self._environ.get(CACHE) or Path(home) / "osv-scanner")
        times = [file.stat().st_mtime for file in folder.rglob("all.zip")]
        if not times:
            raise Unread(f"nobody knows how old its database is: there is none in {folder}")
        return time.time() - min(times)


def _same(place: str, file: Path) -> bool:
    return os.path.realpath(place) == os.path.realpath(file)
