"""What lay around a backup when it was made: the repository, and the tools with their versions."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath

from mobius.model.settings import ProcessSettings

TIMEOUT_S = 10.0
NODE = ("node", "nodejs", "npm", "npx", "yarn", "pnpm")


def git_facts(project: Path) -> dict[str, object]:
    """Commit and branch of the folder of mobius.toml, and whether tracked files there have changes; "" and None where
    it is no repository, or git cannot be asked."""
    head = _said(["git", "rev-parse", "HEAD"], project)
    branch = _said(["git", "rev-parse", "--abbrev-ref", "HEAD"], project) if head else None
    changed = (
        _said(["git", "status", "--porcelain", "--untracked-files=no", "--", "."], project) if head else None
    )
    return {
        "git_commit": head or "",
        "git_branch": branch or "",
        "git_dirty": None if changed is None else bool(changed),
    }


def tool_versions(processes: Sequence[ProcessSettings], release: Path | None) -> dict[str, object]:
    """Of what made the backup and of what runs in it."""
    try:
        mobius = version("mobius")
    except PackageNotFoundError:
        mobius = ""
    tools: dict[str, object] = {
        "mobius": mobius,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
    }
    if (node := _node(processes, release)) is not None:
        tools["node"] = (_said([node, "--version"], release or Path.cwd()) or "").removeprefix("v")
    return tools


def _node(processes: Sequence[ProcessSettings], release: Path | None) -> str | None:
    """The node that the service runs on; None where it runs on none."""
    for process in processes:
        name = PurePath(process.start[0]).name if process.start else ""
        if name in ("node", "nodejs"):
            return process.start[0]
        if name in NODE:
            return "node"
    return "node" if release is not None and (release / "package.json").is_file() else None


def _said(argv: Sequence[str], cwd: Path) -> str | None:
    """What a command prints; None where it is not there, fails, or does not answer in time."""
    environ: Mapping[str, str] = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environ = {**environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.decode(errors="replace").strip()
