"""What a tag stands for, and its files: from git, from a directory, or from an archive."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Protocol

from mobius.errors import MobiusError, UsageError
from mobius.ports import Source

TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/@-]{0,127}")
NOT_SHIPPED = frozenset({".git", ".mobius", ".hg", ".svn"})


class Origin(Protocol):
    """One kind of source."""

    def find(self, tag: str) -> Source:
        """Raises `UsageError` for a tag that is not there."""

    def copy(self, source: Source, subpath: str, into: Path) -> None:
        """Lays the files (those below `subpath`) out in the existing folder `into`."""


def origin_of(source: str, project: Path, not_shipped: tuple[Path, ...]) -> Origin:
    """The origin that `[release] source` names; `{tag}` in it stands for the tag."""
    if source == "git":
        return Git(project)
    return Files(source, not_shipped)


def check_tag(tag: str) -> None:
    """Refuses a tag that could be read as an option, a path or a command."""
    if not TAG.fullmatch(tag) or ".." in tag:
        raise UsageError(
            f"{tag!r} cannot be a tag",
            "a tag is letters, digits and . _ + / @ -, and begins with a letter or digit",
        )


class Git:
    """The project's own repository: a tag, branch or commit, without touching the work tree."""

    def __init__(self, project: Path) -> None:
        self._project = project

    def find(self, tag: str) -> Source:
        check_tag(tag)
        top = self._git("rev-parse", "--show-toplevel", "--show-prefix").splitlines()
        prefix = top[1] if len(top) > 1 else ""
        try:
            commit = self._git(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{tag}^{{commit}}"
            ).strip()
        except MobiusError as problem:
            raise self._unknown(tag) from problem
        tree = self._git(
            "rev-parse", "--verify", f"{commit}:{prefix.rstrip('/')}" if prefix else f"{commit}^{{tree}}"
        )
        changed = self._git("status", "--porcelain", "--untracked-files=no", "--", ".").splitlines()
        return Source(
            tag=tag,
            commit=commit,
            digest=tree.strip(),
            dirty=bool(changed),
            branch=self._git("rev-parse", "--abbrev-ref", "HEAD").strip(),
            message=", ".join(line[3:] for line in changed[:5]) + (" …" if len(changed) > 5 else ""),
        )

    def copy(self, source: Source, subpath: str, into: Path) -> None:
        try:
            names = self._git("ls-tree", "--name-only", source.digest, "--", subpath) if subpath else "all"
        except MobiusError:
            names = ""
        if not names.strip():
            return
        what = [source.digest, *([subpath] if subpath else [])]
        packed = self._run(["git", "archive", "--format=tar", *what])
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            _unpack_tar(archive, into)

    def _unknown(self, tag: str) -> UsageError:
        known = self._git("tag", "--sort=-creatordate").split()[:5]
        there = f"the newest tags: {', '.join(known)}" if known else "there are no tags; git tag one first"
        return UsageError(f'no tag, branch or commit "{tag}" in {self._project}', there)

    def _git(self, *words: str) -> str:
        return self._run(["git", *words]).decode(errors="replace")

    def _run(self, argv: list[str]) -> bytes:
        try:
            # Inherited GIT_* variables (a hook, a CI job) would point git at another repository.
            env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
            done = subprocess.run(
                argv, cwd=self._project, capture_output=True, check=True, env=env, timeout=300
            )
        except FileNotFoundError as problem:
            raise MobiusError(
                "git is not installed", "install git, or set release.source to a directory"
            ) from problem
        except subprocess.CalledProcessError as problem:
            said = problem.stderr.decode(errors="replace").strip().splitlines()
            raise MobiusError(
                f"git says: {said[-1] if said else problem}",
                f"{self._project} must be a git repository with a commit, or set release.source to a directory",
            ) from problem
        return done.stdout


class Files:
    """A directory or an archive; `{tag}` in its path is replaced, so that each tag may have its own."""

    def __init__(self, pattern: str, not_shipped: tuple[Path, ...]) -> None:
        self._pattern = pattern
        self._not_shipped = {path.resolve() for path in not_shipped}

    def find(self, tag: str) -> Source:
        check_tag(tag)
        path = self._path(tag)
        if not path.exists():
            raise self._unknown(tag, path)
        digest = _digest_of_tree(self._shipped(path), path) if path.is_dir() else _digest_of_file(path)
        return Source(tag=tag, commit="", digest=digest, dirty=False)

    def copy(self, source: Source, subpath: str, into: Path) -> None:
        path = self._path(source.tag)
        if path.is_dir():
            for file in self._shipped(path):
                relative = file.relative_to(path)
                if not subpath or relative.is_relative_to(subpath):
                    target = into / relative
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(file, target, follow_symlinks=False)
        elif zipfile.is_zipfile(path):
            _unpack_zip(path, subpath, into)
        else:
            _unpack_tar_file(path, subpath, into)

    def _path(self, tag: str) -> Path:
        return Path(self._pattern.replace("{tag}", tag))

    def _shipped(self, top: Path) -> list[Path]:
        found = []
        for folder, names, files in os.walk(top):
            here = Path(folder)
            links = [name for name in names if (here / name).is_symlink()]
            names[:] = sorted(n for n in names if n not in links and self._ships(here / n))
            found += [here / name for name in sorted([*files, *links]) if self._ships(here / name)]
        return found

    def _ships(self, path: Path) -> bool:
        return path.name not in NOT_SHIPPED and path.absolute() not in self._not_shipped

    def _unknown(self, tag: str, path: Path) -> UsageError:
        if "{tag}" not in self._pattern:
            return UsageError(
                f"release.source {path} does not exist", "build it first, or correct mobius.toml"
            )
        parent = Path(self._pattern[: self._pattern.index("{tag}")] + "x").parent
        known = sorted(entry.name for entry in parent.iterdir())[:8] if parent.is_dir() else []
        return UsageError(
            f'no release "{tag}": {path} does not exist', f"there are: {', '.join(known) or 'none'}"
        )


def _digest_of_tree(files: list[Path], top: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
        mode = "link" if file.is_symlink() else f"{file.stat().st_mode & 0o777:o}"
        line = f"{file.relative_to(top).as_posix()}\0{mode}\0{hashlib.sha256(content).hexdigest()}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack_tar_file(path: Path, subpath: str, into: Path) -> None:
    try:
        with tarfile.open(path) as archive:
            _unpack_tar(archive, into, subpath)
    except (tarfile.TarError, EOFError, OSError) as problem:
        raise MobiusError(
            f"{path} cannot be unpacked: {problem}", "a release archive is a .zip or a .tar.gz"
        ) from problem


def _unpack_tar(archive: tarfile.TarFile, into: Path, subpath: str = "") -> None:
    members = [
        m for m in archive.getmembers() if not subpath or PurePosixPath(m.name).is_relative_to(subpath)
    ]
    try:
        archive.extractall(into, members=members, filter="data")
    except tarfile.FilterError as problem:
        raise MobiusError(f"the release was refused: {problem}", "its files must stay inside it") from problem


def _unpack_zip(path: Path, subpath: str, into: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = PurePosixPath(member.filename)
            if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
                raise MobiusError(f"{path} was refused: {member.filename!r} lies outside", "pack it again")
            if member.is_dir() or (subpath and not name.is_relative_to(subpath)):
                continue
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as packed, target.open("wb") as file:
                shutil.copyfileobj(packed, file)
            target.chmod((member.external_attr >> 16) & 0o777 or 0o644)
