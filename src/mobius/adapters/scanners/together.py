"""Every source that fits the project, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

from mobius.adapters.repository import files_in, git
from mobius.adapters.scanners.calling import Calling, content_of
from mobius.adapters.scanners.npm import Npm
from mobius.adapters.scanners.osv import Osv
from mobius.adapters.scanners.pip_audit import PipAudit
from mobius.adapters.scanners.sarif import Sarif
from mobius.model.scan import Asked, Known, NotKnown, ScanSettings, SourceName
from mobius.rules.scanning.manifests import (
    ASKS,
    NEEDS,
    NPM_LOCKS,
    ONLY_OSV,
    REQUIREMENTS,
    Manifest,
    manifests,
)
from mobius.rules.scanning.shapes import Unread
from mobius.rules.scanning.workspaces import PNPM

AT_ONCE = 4
TRY_AGAIN = "see to the network and the tool, then: mobius scan; or answer for it: [[scan.waiver]]"


class ProjectScanners:
    """`mobius.ports.scanning.Scanners` of one project. `commit`: what is scanned, "" where nobody knows."""

    def __init__(
        self,
        settings: ScanSettings,
        project: Path,
        commit: str,
        environ: Mapping[str, str],
        redact: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._project = project
        self._calling = calling = Calling(environ, redact, settings.timeout_s)
        self._npm = Npm(calling, settings.npm, project, dev=settings.dev)
        self._pip = PipAudit(calling, settings.pip, project)
        self._osv = Osv(calling, settings.osv, project, environ)
        self._sarif = Sarif(project, commit, lambda file: bool(git(project, "ls-files", "--", str(file))))

    def ask(self) -> tuple[Asked, ...]:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mobius-scan") as threads:
            waiting = [threads.submit(work) for work in self._work()]
            return tuple(each.result() for each in waiting)

    def _work(self) -> list[Callable[[], Asked]]:
        settings = self._settings
        chosen = manifests_of(self._project, settings.sources, dev=settings.dev)
        work: list[Callable[[], Asked]] = []
        for each in chosen:
            if each.doubt is not None:
                work.append(_told(Asked(each.source, each.path, each.doubt)))
            elif each.source == "npm":
                work.append(self._asking("npm", each.path, partial(self._npm.ask, each.path, each.parts)))
            elif each.source == "pip":
                work.append(self._asking("pip", each.path, partial(self._pip.ask, each.path)))
        if locks := [each.path for each in chosen if each.source == "osv"]:
            work.append(self._asking("osv", ", ".join(locks), partial(self._osv.ask, locks)))
        for source in settings.sources:
            if source != "sarif" and not any(each.source == source for each in chosen):
                nothing = NotKnown("there is no file for it in the project", "take it out of scan.sources")
                work.append(_told(Asked(source, "", nothing)))
        if not settings.sources or "sarif" in settings.sources:
            work += self._sarif_work()
        return work

    def _sarif_work(self) -> list[Callable[[], Asked]]:
        work: list[Callable[[], Asked]] = []
        if not self._settings.sarif and "sarif" in self._settings.sources:
            nothing = NotKnown("no file is named", "say which: [scan] sarif")
            work.append(_told(Asked("sarif", "", nothing)))
        for pattern in self._settings.sarif:
            try:
                files = self._sarif.files(pattern)
            except (ValueError, OSError) as problem:
                work.append(_told(Asked("sarif", pattern, NotKnown(str(problem), "correct the pattern"))))
                continue
            if not files:
                nothing = NotKnown("there is no such file", "let the scanner write it before mobius scan")
                work.append(_told(Asked("sarif", pattern, nothing)))
            for file in files:
                work.append(self._asking("sarif", self._named(file), partial(self._sarif.ask, file)))
        return work

    def _asking(self, source: str, of: str, ask: Callable[[], Known]) -> Callable[[], Asked]:
        return lambda: self._calling.asked(source, of, ask, TRY_AGAIN)

    def _named(self, file: Path) -> str:
        return file.relative_to(self._project).as_posix() if file.is_relative_to(self._project) else str(file)


def manifests_of(project: Path, sources: Sequence[SourceName], *, dev: bool) -> tuple[Manifest, ...]:
    """Of the files in the project; the texts of those whose content says whether they must be asked about."""
    texts: dict[str, str] = {}
    for path in files_in(project):
        name = PurePosixPath(path).name
        if name in NPM_LOCKS or name in ONLY_OSV or name in NEEDS or name == PNPM or name.endswith(".txt"):
            texts[path] = _needs(project / path) if name in ASKS or REQUIREMENTS.fullmatch(name) else ""
    return manifests(texts, sources, dev=dev)


def _needs(file: Path) -> str:
    """What it says; what nobody can read where it cannot be had, so that it is told and not passed over."""
    try:
        return content_of(file)
    except (Unread, OSError):
        return "\0"


def _told(asked: Asked) -> Callable[[], Asked]:
    return lambda: asked
