"""`logs/quality/`: a report of every check of films, as JUnit, JSON and a page, by the time it was made.

Each file appears whole or not at all, the JUnit file last: whoever finds `YYYYMMDD_HHMMSS_quality.xml` finds the others
beside it. The oldest go when there are more than are to be kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.model.verdict import CheckResult, worst
from mobius.report.junit import junit

FOLDER = Path("logs/quality")
NAME = re.compile(r"(\d{8}_\d{6}(?:_\d+)?)_quality\.xml")
ENDINGS = ("json", "html", "xml")


@dataclass(frozen=True, slots=True)
class Archive:
    """The folder, and how many reports stay in it."""

    folder: Path
    keep: int

    def write(self, texts: Mapping[str, str], at: float) -> Path:
        """Writes one report: a text for each of `ENDINGS` (html may be missing). Returns its JUnit file. Raises
        OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), (self.folder / ".gitignore").open("x") as ignore:
            ignore.write("*\n")  # what was checked must not make the work tree of a deployment dirty
        stem = self._stem(time.strftime("%Y%m%d_%H%M%S", time.localtime(at)))
        for ending in ENDINGS:
            if ending in texts:
                _put(self.folder / f"{stem}_quality.{ending}", texts[ending])
        self._sweep()
        return self.folder / f"{stem}_quality.xml"

    def _stem(self, stamp: str) -> str:
        """A name that nobody has: it is taken by making its file of JSON, so that two at once do not share one."""
        number = 1
        while True:
            stem = stamp if number == 1 else f"{stamp}_{number}"
            try:
                (self.folder / f"{stem}_quality.json").open("x").close()
            except FileExistsError:
                number += 1
                continue
            return stem

    def _sweep(self) -> None:
        stems = sorted(
            (match[1] for file in self.folder.glob("*_quality.xml") if (match := NAME.fullmatch(file.name))),
            key=_order,
        )
        for old in stems[: -self.keep]:
            for ending in reversed(ENDINGS):
                with contextlib.suppress(OSError):
                    (self.folder / f"{old}_quality.{ending}").unlink()


def quality_reports(
    project: Path, keep: int, redact: Callable[[str], str]
) -> Callable[[str, Sequence[CheckResult], float], None]:
    """Keeps a report of checks that are of no film: those of a window. A full disk stops nobody."""
    archive = Archive(project / FOLDER, keep)

    def report(suite: str, results: Sequence[CheckResult], at: float) -> None:
        with contextlib.suppress(OSError):
            archive.write({name: redact(text) for name, text in _texts(suite, results, at).items()}, at)

    return report


def _texts(suite: str, results: Sequence[CheckResult], at: float) -> dict[str, str]:
    checks = [{"name": one.name, "outcome": str(one.outcome), "message": one.message} for one in results]
    told = {"schema_version": 1, "event": "quality", "suite": suite, "at": at, "films": [], "checks": checks}
    told["outcome"] = str(worst([one.outcome for one in results]))
    return {
        "json": json.dumps(told, ensure_ascii=False, indent=1) + "\n",
        "xml": junit(suite, results, at=at),
    }


def _order(stem: str) -> tuple[str, int]:
    day, clock, *more = stem.split("_")
    return f"{day}_{clock}", int(more[0]) if more else 1


def _put(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
