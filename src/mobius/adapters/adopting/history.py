"""What git says of a folder, asked as the folder's owner: a repository may name programs that git then runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PATIENCE_S = 20.0
# Made by builds and tools: nobody misses them in a release.
NOT_BROUGHT = (
    ".git",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    "dist",
    "build",
    ".cache",
    ".npm",
    "target",
)


def is_repository(folder: Path) -> bool:
    """Whether git has it, found without running git."""
    return any((each / ".git").exists() for each in (folder, *folder.parents))


def tag_of(tree: Path) -> str:
    """The tag that lies there unchanged; "" where that is not certain."""
    if _git(tree, "status", "--porcelain", "--untracked-files=no"):
        return ""
    return _git(tree, "describe", "--tags", "--exact-match")


def commit_of(tree: Path) -> str:
    """The commit that is checked out there; "" where there is none."""
    return _git(tree, "rev-parse", "HEAD")


def only_in(tree: Path, project: Path) -> tuple[str, ...]:
    """What lies in the running tree and comes with no release of this project."""
    try:
        there = sorted(each.name for each in tree.iterdir())
    except OSError:
        return ()
    brought = set(_git(project, "ls-tree", "--name-only", "HEAD").splitlines())
    if not brought:
        brought = {each.name for each in project.iterdir()}
    return tuple(name for name in there if name not in brought and name not in NOT_BROUGHT)


def _git(folder: Path, *words: str) -> str:
    """What it prints; "" where it fails. Nothing of the repository is written, not even its index."""
    env = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
        "HOME": "/",
    }
    import pwd

    as_owner: dict[str, object] = {}
    try:
        owner = folder.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            as_owner = {"user": owner.st_uid, "group": pwd.getpwuid(owner.st_uid).pw_gid, "extra_groups": []}
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
            env=env,
            **as_owner,  # type: ignore[call-overload]
        )
    except (OSError, KeyError, subprocess.TimeoutExpired):
        return ""
    return str(done.stdout).strip() if done.returncode == 0 else ""
