"""Looks at the folder of a project, and writes files into it: the outside world of `init` and `doctor`."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mobius.errors import MobiusError
from mobius.model.project import Repository

SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".mobius", "node_modules", ".venv", "venv", "__pycache__", "dist", "coverage"}
    | {".tox", ".mypy_cache", ".pytest_cache", "backups", "premerge_artifacts", "monitor_logs", "logs"}
)
READ = re.compile(
    r"\.(m?[jt]s|cjs|jsx|tsx|py|rb|go|php|service)$"
    r"|(^|/)(package\.json|pyproject\.toml|requirements\.txt|Pipfile|setup\.cfg|Procfile|CODEOWNERS)$"
    r"|^\.env(\.\w+)?$"
)
MOST_FILES, MOST_BYTES, MOST_IN_ALL = 20_000, 256_000, 8_000_000
MADE_BY = Path(".mobius") / "mobius.path"


def look(folder: Path) -> Repository:
    """What is in the folder; large and foreign parts are passed over. Never follows links out of it."""
    files, texts, total = [], {}, 0
    for here, names, found in os.walk(folder):
        names[:] = sorted(name for name in names if name not in SKIPPED)
        for name in sorted(found):
            path = Path(here) / name
            relative = path.relative_to(folder).as_posix()
            if not relative.isprintable():
                continue  # its name could end a comment and begin something else
            files.append(relative)
            if not READ.search(relative) or path.is_symlink() or total > MOST_IN_ALL:
                continue
            try:
                if path.stat().st_size <= MOST_BYTES:
                    texts[relative] = path.read_text(encoding="utf-8", errors="replace")
                    total += len(texts[relative])
            except OSError:
                continue
        if len(files) > MOST_FILES:
            break
    return Repository(
        folder=folder.resolve().name,
        files=tuple(sorted(files)),
        texts=texts,
        is_git=git(folder, "rev-parse", "--git-dir") != "",
        inside=git(folder, "rev-parse", "--show-prefix").rstrip("/"),
        tags=tags_in(folder),
        uncommitted=len(changed_in(folder)),
    )


def files_in(folder: Path) -> Iterator[str]:
    """Every file of the project, however many there are, in order; in foreign parts none. Never follows links."""
    for here, names, found in os.walk(folder):
        names[:] = sorted(name for name in names if name not in SKIPPED)
        yield from ((Path(here) / name).relative_to(folder).as_posix() for name in sorted(found))


def matching(folder: Path, pattern: str) -> tuple[Path, ...]:
    """What the pattern finds in the folder, or anywhere where it is absolute, in order. Raises `ValueError` for
    one that can be none."""
    found = glob.glob(pattern, root_dir=folder, recursive=True, include_hidden=True)  # noqa: PTH207 - "/" and "." too
    return tuple(sorted(folder / each for each in found))


def git(folder: Path, *words: str) -> str:
    """What git answers, "" where it cannot."""
    return _asked(folder, *words) or ""


def _asked(folder: Path, *words: str) -> str | None:
    """What git answers; None where it cannot, or takes too long."""
    # Inherited GIT_* variables (a hook, a CI job) would point git at another repository.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None


def changed_in(folder: Path) -> list[str]:
    """The tracked files with changes, as git lists them. Where git cannot say in a repository (its index is broken, it
    takes too long), one line that says so: nobody knows that nothing was changed."""
    listed = _asked(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    if listed is None:
        return ["?? git status failed"] if _asked(folder, "rev-parse", "--git-dir") is not None else []
    return listed.splitlines()


def untracked_in(folder: Path) -> tuple[str, ...]:
    """The files that no commit has and that git is not told to overlook, in order."""
    listed = git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    return tuple(sorted(each for each in listed.split("\0") if each))


def moved_since(folder: Path, commit: str) -> str:
    """ "" while `commit` is checked out; else what is, in words."""
    found = git(folder, "rev-parse", "HEAD")
    if found == commit:
        return ""
    return f"{found[:12] or 'nothing'} was checked out meanwhile, and not {commit[:12] or 'nothing'}"


def tags_in(folder: Path) -> tuple[str, ...]:
    """The newest tags of the repository, newest first."""
    return tuple(git(folder, "tag", "--sort=-creatordate").split()[:20])


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around an environment: its repository, its scripts, data that no release will find."""

    is_git: bool
    tags: tuple[str, ...]
    uncommitted: int
    has_scripts: bool
    not_executable: tuple[str, ...]
    left_behind: tuple[str, ...]


def around_of(project: Path, links: tuple[str, ...], shared: Path) -> Around:
    """Looks beside mobius.toml; `links` are the folders that outlive releases, `shared` is where they lie."""
    scripts = sorted([*project.glob("scripts/*.sh"), *project.glob("scripts/deploy/*.sh")])
    launcher = project / "scripts" / "mobius.sh"
    started = [script for script in scripts if os.name == "posix" and not os.access(script, os.X_OK)]
    return Around(
        is_git=git(project, "rev-parse", "--git-dir") != "",
        tags=tags_in(project),
        uncommitted=len(changed_in(project)),
        has_scripts=launcher.is_file(),
        not_executable=tuple(s.relative_to(project).as_posix() for s in started)
        if launcher.is_file()
        else (),
        left_behind=tuple(link for link in links if _is_left_behind(project, link, shared)),
    )


def _is_left_behind(project: Path, link: str, shared: Path) -> bool:
    """Has content here, lies not yet where releases look, and git does not bring it to the first one."""
    here = project / link
    there = here.is_file() or (here.is_dir() and any(here.iterdir()))
    return there and not (shared / link).exists() and not git(project, "ls-files", "--", link)


class ProjectFolder:
    """The files of one project, read and written as they are: no line ending is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, path: str) -> str | None:
        """The text of the file, None where there is none. Raises MobiusError for what is no text."""
        file = self.folder / path
        try:
            return file.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as problem:
            raise MobiusError(
                f"{file} cannot be read as text: {problem}", "move it out of the way"
            ) from problem

    def is_executable(self, path: str) -> bool:
        """Whether it may be started; always on a system that has no such bit."""
        return os.name != "posix" or os.access(self.folder / path, os.X_OK)

    def write(self, path: str, text: str, *, executable: bool) -> None:
        """Puts the whole file in place at once; folders are made. Raises MobiusError, the old file untouched."""
        file = self.folder / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
            handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
            try:
                with os.fdopen(handle, "wb") as opened:
                    opened.write(text.encode("utf-8"))
                Path(temporary).chmod(mode | 0o111 if executable else mode)
                Path(temporary).replace(file.resolve() if file.is_symlink() else file)
            finally:
                Path(temporary).unlink(missing_ok=True)
        except OSError as problem:
            raise MobiusError(
                f"{file} could not be written: {problem.strerror or problem}",
                "see who may write there, and try again",
            ) from problem


def remember_this_mobius(folder: Path) -> None:
    """Leaves the path of the mobius that runs, for the scripts of the project; git does not see it."""
    program = this_mobius()
    if program is None:
        return
    file = folder / MADE_BY
    file.parent.mkdir(parents=True, exist_ok=True)
    text = f"{program}\n"
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def this_mobius() -> Path | None:
    """The program `mobius` of the Python that runs, None where it has none."""
    beside = Path(sys.executable).absolute().parent
    for name in ("mobius", "mobius.exe"):
        if (beside / name).is_file():
            return beside / name
    return None
