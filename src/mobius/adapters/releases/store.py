"""`releases/<id>/`: laid out, built, hashed, and remembered in a checksummed manifest beside it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from mobius.adapters.places import Places
from mobius.adapters.processes import run_bounded
from mobius.adapters.releases.alone import staging_alone
from mobius.adapters.releases.sources import Origin
from mobius.adapters.releases.tree import (
    MARK_BUILD,
    end_builds_in,
    give_first_content,
    remove_tree,
    tree_digest,
    tree_size,
)
from mobius.errors import GateFailed, MobiusError, UsageError
from mobius.model.release import Release, tree_of
from mobius.model.settings import ProcessSettings, ReleaseSettings
from mobius.ports import Source

RELEASE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@-]*")


class ReleaseStore:
    """The releases of one environment. A tree without its manifest is half staged and is made anew."""

    def __init__(
        self,
        places: Places,
        settings: ReleaseSettings,
        processes: Sequence[ProcessSettings],
        origin: Origin,
        redact: Callable[[str], str] = str,
    ) -> None:
        self._redact = redact
        self._places = places
        self._settings = settings
        self._processes = tuple(processes)
        self._origin = origin

    def find(self, tag: str) -> Source:
        return self._origin.find(tag)

    @contextlib.contextmanager
    def look_into(self, source: Source, subpath: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="mobius-look-") as scratch:
            found = Path(scratch) / subpath
            try:
                self._origin.copy(source, subpath, Path(scratch))
                if not os.path.lexists(found):
                    found.mkdir(parents=True)
            except OSError as problem:
                raise MobiusError(
                    f"{source.tag} could not be looked into: {problem.strerror or problem}",
                    f"free space or permissions below {tempfile.gettempdir()}",
                ) from problem
            yield found

    def stage(self, release: Release, *, progress: Callable[[str], None]) -> Release:
        known, run = self._manifest(release.id), self._places.root / "run"
        if known is not None:
            return known[0]
        patience_s = self._settings.build_timeout_s * max(1, len(self._settings.build))
        with staging_alone(run, self.path(release.id).name, within_s=patience_s, progress=progress):
            return self._staged(release, progress)

    def _staged(self, release: Release, progress: Callable[[str], None]) -> Release:
        known = self._manifest(release.id)
        if known is not None:  # by whoever was waited for
            return known[0]
        path = self.path(release.id)
        if self._sharers(
            release.id
        ):  # a restart runs from this very tree: it is whole, and must not be touched
            self._write_manifest(release, tree_digest(path))
            return release
        if path.exists():
            end_builds_in(path)
        self.remove(release.id)
        try:
            # Built where it will run: virtual environments and native modules remember their path.
            path.mkdir(parents=True)
            self._origin.copy(self._source(release), "", path)
            self.relink(path)
            self._build(release, path, progress)
            self._check_commands(path)
            staged = replace(release, content_digest=release.content_digest or tree_digest(path))
            self._write_manifest(staged, tree_digest(path))
        except OSError as problem:
            self.remove(release.id)
            raise MobiusError(
                f"{release.id} could not be staged: {problem.strerror or problem}",
                f"free space or permissions below {self._places.releases}, then deploy again",
            ) from problem
        except BaseException:
            self.remove(release.id)
            raise
        return staged

    def register(self, release: Release) -> Release:
        known = self._manifest(release.id)
        if known is not None:
            return known[0]
        path = self.path(release.id)
        path.mkdir(parents=True, exist_ok=True)
        self._write_manifest(release, tree_digest(path), ())
        return release

    def configure(self, release: Release, processes: Sequence[ProcessSettings]) -> Release:
        known = self._manifest(release.id)
        if known is not None:
            return known[0]
        tree, link = self.path(tree_of(release.id)), self.path(release.id)
        if not tree.is_dir():
            raise MobiusError(
                f"the tree of {release.id} is gone: {tree}",
                f"deploy it again: mobius deploy --tag {release.tag}",
            )
        self._check_commands(tree, processes)
        if tree != link:
            _point(link, tree.name)
        self._write_manifest(release, tree_digest(tree), processes)
        return release

    def is_staged(self, release_id: str) -> bool:
        return self._manifest(release_id) is not None

    def path(self, release_id: str) -> Path:
        # It may come from an archive that somebody sent: whatever has this path is removed and written.
        if not RELEASE_ID.fullmatch(release_id) or len(release_id) > 200:
            raise UsageError(f"{release_id!r} cannot be a release", "mobius releases lists them")
        return self._places.releases / release_id

    def size_bytes(self, release_id: str) -> int:
        return tree_size(self.path(release_id).resolve()) if self.is_staged(release_id) else 0

    def processes(self, release_id: str) -> tuple[ProcessSettings, ...]:
        known = self._manifest(release_id)
        return known[1] if known is not None else self._processes

    def point_to(self, release_id: str, previous_id: str) -> None:
        wanted = [
            (name, f"releases/{self.path(to).name}" if to else "")
            for name, to in (("current", release_id), ("previous", previous_id))
        ]
        self._places.root.mkdir(parents=True, exist_ok=True)
        for name, target in wanted:
            _point(self._places.root / name, target)
        version = self._places.root / "VERSION"
        known = self._manifest(release_id) if release_id else None
        if known is None:
            version.unlink(missing_ok=True)
        else:
            write_durably(version, f"{known[0].tag} {release_id}\n".encode())

    def current(self) -> tuple[str, str]:
        return _pointed(self._places.root / "current"), _pointed(self._places.root / "previous")

    def manifests(self) -> tuple[Release, ...]:
        found = []
        for file in self._places.releases.glob("*.json"):
            known = self._manifest(file.stem)
            if known is not None:
                found.append(known[0])
        return tuple(sorted(found, key=lambda release: release.staged_at, reverse=True))

    def remove(self, release_id: str) -> None:
        tree = self.path(tree_of(release_id))
        self._manifest_file(release_id).unlink(missing_ok=True)
        if release_id != tree.name:
            self.path(release_id).unlink(missing_ok=True)
        if not self._sharers(tree.name) and not self._manifest_file(tree.name).exists():
            remove_tree(tree)
            self._build_log(tree.name).unlink(missing_ok=True)

    def adopt(self, release: Release, processes: Sequence[ProcessSettings]) -> Release:
        """Writes the manifest of a tree that was put in place by other means (a restore)."""
        self._write_manifest(release, tree_digest(self.path(release.id)), processes)
        return release

    # -- staging ----------------------------------------------------------------------------------------------

    def _source(self, release: Release) -> Source:
        found = self._origin.find(release.commit or release.tag)
        if release.content_digest and found.digest != release.content_digest:
            raise GateFailed(
                f"{release.tag} is not what was planned any more: its content changed",
                f"plan it again: mobius plan --tag {release.tag}",
            )
        return replace(found, tag=release.tag)

    def relink(self, path: Path) -> None:
        """Makes the configured paths of a release links into `shared/`."""
        for name in self._settings.link:
            inside, shared = path / name, self._places.shared / name
            if not os.path.lexists(shared):
                give_first_content(inside, shared)
            if not inside.parent.resolve().is_relative_to(path.resolve()):
                continue  # it lies below another link, so it is in `shared/` already
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside)
            else:
                inside.unlink(missing_ok=True)
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.symlink_to(shared)

    def _build(self, release: Release, path: Path, progress: Callable[[str], None]) -> None:
        env = {**os.environ, "RELEASE_TAG": release.tag, "MOBIUS_RELEASE": release.id, MARK_BUILD: str(path)}
        log = self._build_log(release.id)
        for argv in self._settings.build:
            progress(f"build: {' '.join(argv)}")
            with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
                done = run_bounded(
                    argv, cwd=path, env=env, output=output, timeout_s=self._settings.build_timeout_s
                )
            # A build sees all of our environment, and some print it.
            said = self._redact(log.read_text("utf-8", errors="replace"))
            log.write_text(said, encoding="utf-8")
            if done != "":
                tail = tuple(said.splitlines()[-20:])
                raise MobiusError(
                    f"the build of {release.tag} failed: {' '.join(argv)}: {done}",
                    "mend the build, then deploy again; what is live was not touched",
                    details=tail,
                )

    def _check_commands(self, path: Path, processes: Sequence[ProcessSettings] | None = None) -> None:
        for process in self._processes if processes is None else processes:
            program = process.start[0]
            there = (path / program).exists() if "/" in program else shutil.which(program) is not None
            if not there and not (Path(program).is_absolute() and Path(program).exists()):
                raise GateFailed(
                    f"the start command of {process.name} is missing: {program}",
                    "correct [[process]] start in mobius.toml, or let the build make it",
                )

    def _sharers(self, tree: str) -> list[str]:
        """The releases, by their id, that run this tree with another configuration."""
        found = self._places.releases.glob("*+*.json")
        return [file.stem for file in found if tree_of(file.stem) == tree and self._manifest(file.stem)]

    # -- manifests --------------------------------------------------------------------------------------------

    def _manifest_file(self, release_id: str) -> Path:
        return self._places.releases / f"{release_id}.json"

    def _build_log(self, release_id: str) -> Path:
        return self._places.releases / f"{release_id}.build.log"

    def _write_manifest(
        self, release: Release, tree_sha256: str, processes: Sequence[ProcessSettings] | None = None
    ) -> None:
        body: dict[str, Any] = {
            "schema_version": 1,
            "release": asdict(release),
            "tree_sha256": tree_sha256,
            "processes": [
                {**asdict(replace(p, env={})), "env": dict(p.env)} for p in (processes or self._processes)
            ],
        }
        body["sha256"] = _checksum(body)
        write_durably(self._manifest_file(release.id), json.dumps(body, indent=1).encode(), mode=0o600)

    def _manifest(self, release_id: str) -> tuple[Release, tuple[ProcessSettings, ...]] | None:
        """None where there is none, or where it was damaged: then the tree is not to be trusted either."""
        try:
            tree = self.path(release_id)
            body = json.loads(self._manifest_file(release_id).read_bytes())
            if body.pop("sha256") != _checksum(body) or not tree.is_dir():
                return None
            release = msgspec.convert(body["release"], Release)
            return release, tuple(msgspec.convert(p, ProcessSettings) for p in body["processes"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError):
            return None


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def write_durably(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Whole or not at all: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # a folder cannot be opened on Windows
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _point(link: Path, target: str) -> None:
    if not target:
        link.unlink(missing_ok=True)
        return
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _pointed(link: Path) -> str:
    return link.readlink().name if link.is_symlink() else ""
