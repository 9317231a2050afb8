"""Facts of the place an export comes from: its repository, what it depends on, its system. JSON types only."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from mobius.adapters.repository import changed_in, git, tags_in

Json = dict[str, Any]
DECLARED = (
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"),
    *(
        "pyproject.toml",
        "requirements.txt",
        "requirements-dev.txt",
        "Pipfile.lock",
        "poetry.lock",
        "uv.lock",
        "setup.cfg",
    ),
    *(
        "go.mod",
        "go.sum",
        "Cargo.toml",
        "Cargo.lock",
        "Gemfile",
        "Gemfile.lock",
        "composer.json",
        "composer.lock",
    ),
    *(
        "pom.xml",
        "build.gradle",
        "Dockerfile",
        "docker-compose.yml",
        "compose.yaml",
        ".nvmrc",
        ".python-version",
    ),
)
SBOMS = ("*.cdx.json", "*.cdx.xml", "*.spdx.json", "*.spdx", "sbom*.json", "sbom*.xml", "bom.json", "bom.xml")
TOOLS = {
    **dict.fromkeys(("git", "node", "npm", "python3", "psql", "pg_dump", "sqlite3", "bwrap"), ("--version",)),
    **dict.fromkeys(("systemctl", "docker", "caddy", "jq"), ("--version",)),
    **{
        "openssl": ("version",),
        "ssh": ("-V",),
        "ffmpeg": ("-version",),
        "nginx": ("-v",),
        "haproxy": ("-v",),
    },
}
TOOL_S = 5.0
COMMITS = 20


def git_facts(project: Path) -> Json:
    """Where the repository stands; `is_git` false where there is none."""
    if not git(project, "rev-parse", "--git-dir"):
        return {"is_git": False}
    lines = git(project, "log", f"-{COMMITS}", "--format=%H%x09%cI%x09%s").splitlines()
    remotes = git(project, "remote", "-v").splitlines()
    return {
        "is_git": True,
        "commit": git(project, "rev-parse", "HEAD"),
        "branch": git(project, "rev-parse", "--abbrev-ref", "HEAD"),
        "describe": git(project, "describe", "--tags", "--always", "--dirty"),
        "uncommitted": changed_in(project),
        "tags": list(tags_in(project)),
        "remotes": sorted({" ".join(line.split()[:2]) for line in remotes}),
        "newest_commits": [
            dict(zip(("commit", "committed", "subject"), line.split("\t", 2), strict=False)) for line in lines
        ],
    }


def dependency_facts(project: Path) -> Json:
    """What the project declares, by file; and the packages that mobius itself runs with."""
    found = {name: _declared(project / name) for name in DECLARED if (project / name).is_file()}
    installed = {
        dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]
    }
    return {"declared": found, "python_packages_of_mobius": dict(sorted(installed.items()))}


def declared_files(project: Path) -> tuple[Path, ...]:
    """The files in which the project declares what it depends on."""
    return tuple(project / name for name in DECLARED if (project / name).is_file())


def system_facts() -> Json:
    """The machine, as far as it matters to whoever must understand what happened there."""
    disk = shutil.disk_usage(Path.cwd())
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "distribution": _distribution(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "memory_bytes": _memory(),
        "disk_bytes": disk.total,
        "disk_free_bytes": disk.free,
        "time_zone": list(time.tzname),
        "tools": {name: told for name, words in sorted(TOOLS.items()) if (told := _version_of(name, words))},
    }


def _declared(path: Path) -> Json:
    try:
        content = path.read_bytes()
    except OSError as problem:
        return {"unreadable": problem.strerror or str(problem)}
    facts: Json = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    if path.name == "package.json":
        try:
            told = json.loads(content)
            facts |= {key: told[key] for key in ("name", "version", "engines") if key in told}
            facts |= {key: len(told[key]) for key in ("dependencies", "devDependencies") if key in told}
        except (ValueError, TypeError, RecursionError):
            facts["unreadable"] = "no JSON object"
    return facts


def _version_of(name: str, words: tuple[str, ...]) -> str:
    """Its first line, "" where it is not there or does not answer."""
    program = shutil.which(name)
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=TOOL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout or done.stderr).decode(errors="replace").strip().splitlines()
    return lines[0][:120] if lines else ""


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
