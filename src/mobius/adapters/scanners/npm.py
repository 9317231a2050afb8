"""`npm audit` of one lock file; first of a package that everybody knows to be vulnerable, so that no data is not
taken for no vulnerability: with `offline` set, or a registry that answers without knowing anything, npm finds none."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mobius.adapters.scanners.calling import Calling, content_of
from mobius.model.scan import Known
from mobius.rules.scanning.npm import read_npm
from mobius.rules.scanning.npm_locks import missing_from_lock, npm_packages
from mobius.rules.scanning.shapes import Unread

CANARY = ("lodash", "4.17.4")  # prototype pollution, known since 2018
ROOT = {"name": "known", "version": "1.0.0", "dependencies": {CANARY[0]: CANARY[1]}}
LOCK = {
    "name": "known",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": ROOT,
        f"node_modules/{CANARY[0]}": {"version": CANARY[1]},
    },
}
MISSING = "install Node.js with npm, or name the program: [scan] npm"
AUDIT = ("audit", "--json", "--package-lock-only", "--offline=false", "--audit-level=info")


class Npm:
    """Asks npm. `words`: how it is called."""

    def __init__(self, calling: Calling, words: Sequence[str], project: Path, *, dev: bool) -> None:
        self._calling = calling
        self._words = tuple(words)
        self._project = project
        # Each is named: an .npmrc of the project may leave some out, and with them what they are vulnerable by.
        kinds = ("optional", "peer", *(("dev",) if dev else ()))
        self._omit = (*(f"--include={kind}" for kind in kinds), *(() if dev else ("--omit=dev",)))
        self._dev = dev

    def ask(self, path: str, parts: Sequence[str] = ()) -> Known:
        """Of the lock file at this path in the project; `parts`: the package.json of the other folders whose lock file
        it is. Raises `Unread`."""
        lock = self._project / path
        locked = content_of(lock)
        packages = npm_packages(locked)
        for needs in (lock.with_name("package.json"), *(self._project / each for each in parts)):
            content = content_of(needs) if needs.is_file() else "{}"
            if missing := missing_from_lock(content, locked, dev=self._dev):
                named = needs.relative_to(lock.parent).as_posix()
                raise Unread(
                    f"{path} is older than {named}: it does not have {', '.join(missing[:3])}",
                    "npm install --package-lock-only, and commit what it writes",
                )
        if not [each for each in packages if self._dev or not each.dev]:
            return Known((), 0.0, 0)
        self._prove_it_knows(lock.parent)
        versions = {each.place: each.version for each in packages}
        output, code = self._audit(lock.parent)
        found, looked_at = read_npm(output, code, versions)
        tool = self._calling.version(self._words, cwd=lock.parent)
        return Known(tuple(replace(each, place=path) for each in found), 0.0, looked_at, tool)

    def _prove_it_knows(self, beside: Path) -> None:
        name, version = CANARY
        with tempfile.TemporaryDirectory(prefix="mobius-scan-") as made:
            folder = Path(made)
            (folder / "package.json").write_text(json.dumps(ROOT), encoding="utf-8")
            (folder / "package-lock.json").write_text(json.dumps(LOCK), encoding="utf-8")
            for settings in {beside / ".npmrc", self._project / ".npmrc"}:
                if settings.is_file():
                    shutil.copyfile(settings, folder / ".npmrc")
            output, code = self._audit(folder)
        found, _ = read_npm(output, code, {})
        if not any(each.package == name for each in found):
            raise Unread(
                f"npm audit knows of no vulnerability in {name} {version}, which has several: it has no data",
                "npm config get registry: its server must have the advisories",
            )

    def _audit(self, folder: Path) -> tuple[str, int]:
        return self._calling.tool([*self._words, *AUDIT, *self._omit], cwd=folder, missing=MISSING)
