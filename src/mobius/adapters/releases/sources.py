"""What a tag stands for, and its files: from git, from a directory, or from an archive."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path, PurePosixPath
from typing import Protocol

from mobius.adapters.releases.unpack import unpack, unpack_tar
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
        top, prefix = self._top_and_prefix()
        try:
            commit = self._git(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{tag}^{{commit}}"
            ).strip()
        except MobiusError as problem:
            raise self._unknown(tag) from problem
        changed = self._git("status", "--porcelain", "--untracked-files=no", "--", ".").splitlines()
        return Source(
            tag=tag,
            commit=commit,
            digest=self._digest(commit, prefix, top),
            dirty=bool(changed),
            branch=self._git("rev-parse", "--abbrev-ref", "HEAD").strip(),
            message=", ".join(line[3:] for line in changed[:5]) + (" …" if len(changed) > 5 else ""),
            committed_at=float(
                self._git("show", "--no-patch", "--no-show-signature", "--format=%ct", commit).strip() or 0
            ),
        )

    def copy(self, source: Source, subpath: str, into: Path) -> None:
        top, prefix = self._top_and_prefix()
        tree = f"{source.commit}:{prefix}"
        below = PurePosixPath(subpath).as_posix() if subpath else ""
        # Git takes a path as relative to where it runs, also in another tree: so it runs at the top.
        if below and not self._run(["git", "ls-tree", "--name-only", tree, "--", below], top).strip():
            return
        packed = self._run(["git", "archive", "--format=tar", tree, *([below] if below else [])], top)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            unpack_tar(archive, below, into, source.tag)

    def _digest(self, commit: str, prefix: str, top: Path) -> str:
        """SHA-256 over every path, mode and blob of the project's folder in that commit."""
        try:
            listed = self._run(["git", "ls-tree", "-r", "-z", f"{commit}:{prefix}"], top)
        except MobiusError as problem:
            raise UsageError(
                f"{commit[:12]} has no folder {prefix}, where mobius.toml lies now",
                "choose a tag that has it",
            ) from problem
        return hashlib.sha256(listed).hexdigest()

    def _top_and_prefix(self) -> tuple[Path, str]:
        """The top of the work tree, and where the project lies in it ("" at the top, else "folder")."""
        told = self._run(["git", "rev-parse", "--show-toplevel", "--show-prefix"], self._project)
        top, _, prefix = os.fsdecode(told).partition("\n")
        return Path(top), prefix.strip("\n").rstrip("/")

    def _unknown(self, tag: str) -> UsageError:
        known = self._git("tag", "--sort=-creatordate").split()[:5]
        there = f"the newest tags: {', '.join(known)}" if known else "there are no tags; git tag one first"
        if not known and not self._git("for-each-ref", "--count=1"):
            there = "the repository has no commit yet; commit, then git tag it"
        return UsageError(f'no tag, branch or commit "{tag}" in {self._project}', there)

    def _git(self, *words: str) -> str:
        return self._run(["git", *words], self._project).decode(errors="replace")

    def _run(self, argv: list[str], cwd: Path) -> bytes:
        try:
            # Inherited GIT_* variables (a hook, a CI job) would point git at another repository.
            env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
            env |= {"LC_ALL": "C", "GIT_LITERAL_PATHSPECS": "1", "GIT_OPTIONAL_LOCKS": "0"}
            done = subprocess.run(argv, cwd=cwd, capture_output=True, check=True, env=env, timeout=300)
        except FileNotFoundError as problem:
            raise MobiusError(
                "git is not installed", "install git, or set release.source to a directory"
            ) from problem
        except subprocess.TimeoutExpired as problem:
            raise MobiusError(
                f"git did not answer within 300 s: {' '.join(argv)}", f"try it in {cwd}"
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
        try:
            digest = _digest_of_tree(self._shipped(path), path) if path.is_dir() else _digest_of_file(path)
        except OSError as problem:
            raise MobiusError(
                f"the release {tag} cannot be read: {problem.filename or path}: {problem.strerror}",
                "let this user read it, and let nothing change it meanwhile",
            ) from problem
        return Source(tag=tag, commit="", digest=digest, dirty=False)

    def copy(self, source: Source, subpath: str, into: Path) -> None:
        path = self._path(source.tag)
        below = PurePosixPath(subpath).as_posix() if subpath else ""
        if not path.is_dir():
            unpack(path, below, into)
            return
        for file in self._shipped(path):
            relative = file.relative_to(path)
            if not below or relative.is_relative_to(below):
                target = into / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target, follow_symlinks=False)

    def _path(self, tag: str) -> Path:
        return Path(self._pattern.replace("{tag}", tag))

    def _shipped(self, top: Path) -> list[Path]:
        """Files and links, in a fixed order; a socket or a pipe that lies about is not part of a release."""
        found = []
        for folder, names, files in os.walk(top, onerror=_raise):
            here = Path(folder)
            links = [name for name in names if (here / name).is_symlink()]
            within = here.resolve()
            names[:] = sorted(n for n in names if n not in links and self._ships(within / n))
            found += [here / name for name in sorted([*files, *links]) if self._ships(within / name)]
        return [path for path in found if path.is_symlink() or path.is_file()]

    def _ships(self, path: Path) -> bool:
        return path.name not in NOT_SHIPPED and path not in self._not_shipped

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


def _raise(problem: OSError) -> None:
    raise problem


def _digest_of_tree(files: list[Path], top: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        if file.is_symlink():
            mode, content = "link", hashlib.sha256(os.fsencode(file.readlink())).hexdigest()
        else:
            mode, content = f"{file.stat().st_mode & 0o777:o}", _digest_of_file(file)
        line = f"{file.relative_to(top).as_posix()}\0{mode}\0{content}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
