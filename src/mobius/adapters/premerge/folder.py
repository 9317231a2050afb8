"""ARTIFACT_DIR: the report of one validation in all its forms. From its first moment on nothing there says PASS that is
of an earlier one: killed at any time, it says that it is incomplete."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mobius.errors import MobiusError
from mobius.model.premerge import Premerge
from mobius.report.premerge import premerge_json, premerge_junit, premerge_sarif, premerge_summary
from mobius.report.premerge_html import premerge_html

REPORT = "premerge.json"
LOG = "test_logging.log"
MONITOR_LOGS = "monitor_logs"
BACKUP = "backup"  # a folder of our own: its archives are taken away when the next validation begins
MADE = (
    *("deploy-dryrun.log", "migrate-dryrun.log", "migrate-dryrun.sarif", LOG),
    *("postdeploy-smoketests.log", "postdeploy-smoketests.xml", "scan.json", "scan.sarif", "scan.xml"),
)
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
SUMMARY_BYTES = 1 << 20  # GitHub refuses the whole summary of a step that is longer
_ARCHIVE = re.compile(r"[A-Za-z0-9_-]+_\d{8}_\d{6}[\w-]*\.zip(\.sha256)?")


class Folder:
    """`mobius.ports.validating.Reports`. `backups`: the folder of real backups, of which nothing is taken away;
    `summary`: GitHub's file for the summary, None where there is none; `hidden`: git is told to see nothing there."""

    def __init__(
        self,
        folder: Path,
        backups: Path,
        redact: Callable[[str], str],
        summary: Path | None,
        *,
        hidden: bool = True,
    ) -> None:
        self.folder = folder
        self._backups = backups
        self._redact = redact
        self._summary = summary
        self._hidden = hidden

    def begin(self, validation: Premerge) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            ignore = self.folder / ".gitignore"
            if self._hidden and not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            self._every_form(validation)
            for file in (*(self.folder / name for name in MADE), *self._archives_before()):
                file.unlink(missing_ok=True)
            logs = self.folder / MONITOR_LOGS
            logs.mkdir(exist_ok=True)
            for old in (*logs.glob("monitor_*.log*"), *logs.glob("metrics_*.jsonl*")):
                old.unlink(missing_ok=True)
            (self.folder / LOG).write_text("", encoding="utf-8")
        except OSError as problem:
            raise MobiusError(
                f"the artefacts cannot be written to {self.folder}: {problem.strerror or problem}",
                "set ARTIFACT_DIR to a folder that can be written",
            ) from problem

    def write(self, validation: Premerge) -> None:
        self._put(REPORT, _text(premerge_json(validation)))

    def finish(self, validation: Premerge) -> None:
        self._every_form(validation)
        if self._summary is not None:
            self._append_summary(self._redact(premerge_summary(validation)))

    def _every_form(self, validation: Premerge) -> None:
        """The report that programs read first."""
        self._put(REPORT, _text(premerge_json(validation)))
        self._put("premerge.xml", premerge_junit(validation))
        self._put("premerge.sarif", _text(premerge_sarif(validation, self._runs(validation))))
        self._put("premerge.html", premerge_html(validation))
        self._put("summary.md", premerge_summary(validation))

    def _put(self, name: str, text: str) -> None:
        """Whole or not at all."""
        target = self.folder / name
        new = target.with_name(f".{name}.new")
        with new.open("w", encoding="utf-8", errors="replace") as file:
            file.write(self._redact(text))
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)

    def _runs(self, validation: Premerge) -> list[Mapping[str, Any]]:
        """What the scan and the migrations found, as they wrote it in this validation."""
        found: list[Mapping[str, Any]] = []
        for name in (name for step in validation.steps for name in step.files if name.endswith(".sarif")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                found += json.loads((self.folder / name).read_text(encoding="utf-8"))["runs"]
        return found

    def _archives_before(self) -> list[Path]:
        """The backups that an earlier validation left here; never those that are kept elsewhere under this name."""
        there = self.folder / BACKUP
        if there.resolve() == self._backups.resolve() or there.is_symlink():
            return []
        return [file for file in there.glob("*.zip*") if _ARCHIVE.fullmatch(file.name)]

    def _append_summary(self, text: str) -> None:
        """As much as fits: a summary that is missing stops nothing."""
        assert self._summary is not None
        with suppress(OSError):
            there = self._summary.stat().st_size if self._summary.exists() else 0
            data = f"\n{text}".encode()
            room = SUMMARY_BYTES - there - 1
            if len(data) > room:
                note = b"\n\n(cut: the whole summary is summary.md among the artefacts)\n"
                data = data[: max(0, room - len(note))].decode("utf-8", "ignore").encode() + note
            if len(data) <= room:
                with self._summary.open("ab") as file:
                    file.write(data)


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
