"""Which repository it is, on which GitHub, and with whose token; the token is believed to nobody but that host."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from mobius.adapters.forge.github import GitHub
from mobius.adapters.forge.line import Line
from mobius.adapters.repository import git
from mobius.model.forge import GitHubSettings, Unknown

PUBLIC, PUBLIC_API = "github.com", "https://api.github.com"
LONGEST_TOKEN = 4096
_REMOTE = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^@/\s]*@)?|[^@/\s:]+@)(?P<host>[A-Za-z0-9.-]+)(?::\d+)?[/:]"
    r"(?P<name>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+?)(?:\.git)?/?"
)
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")


def github_of(settings: GitHubSettings, project: Path, environ: Mapping[str, str]) -> GitHub | Unknown:
    """The repository of the project; Unknown where nothing says which it is, or its token cannot be read."""
    found = repository_of(settings, project, environ)
    if isinstance(found, Unknown):
        return found
    api_url, repository = found
    token = token_of(settings, environ)
    if isinstance(token, Unknown):
        return token
    line = Line(api_url, token, timeout_s=settings.timeout_s, now=time.time, wait=time.sleep)
    return GitHub(line, repository, settings)


def repository_of(
    settings: GitHubSettings, project: Path, environ: Mapping[str, str]
) -> tuple[str, str] | Unknown:
    """(address of the API, owner/name): as configured, as a workflow says, or as the git remote `origin` says."""
    api = settings.api_url or environ.get("GITHUB_API_URL", "").strip()
    named = settings.repository or environ.get("GITHUB_REPOSITORY", "").strip()
    if named:
        if not _REPOSITORY.fullmatch(named) or {".", ".."} & set(named.split("/")):
            return Unknown(f"GITHUB_REPOSITORY is {named[:80]!r}, not owner/name", "set github.repository")
        return api or PUBLIC_API, named
    remote = _REMOTE.fullmatch(git(project, "remote", "get-url", "origin"))
    if remote is None:
        return Unknown(
            "nothing says which repository on GitHub this is", "set github.repository in mobius.toml"
        )
    host = remote["host"].lower()
    if not api and host not in (PUBLIC, f"ssh.{PUBLIC}", f"www.{PUBLIC}"):
        # A token for github.com is not for every host that a repository happens to come from.
        hint = f'if that is a GitHub of your own, set github.api_url = "https://{host}/api/v3"'
        return Unknown(f"the repository is on {host}, which is not {PUBLIC}", hint)
    return api or PUBLIC_API, remote["name"]


def token_of(settings: GitHubSettings, environ: Mapping[str, str]) -> str | Unknown:
    """From GITHUB_TOKEN, GH_TOKEN or the file; "" where there is none, which GitHub may still answer."""
    token = next((environ[name].strip() for name in ("GITHUB_TOKEN", "GH_TOKEN") if environ.get(name)), "")
    where = "GITHUB_TOKEN"
    if not token and settings.token_file is not None:
        where = str(settings.token_file)
        try:
            with settings.token_file.open("rb") as opened:
                token = opened.read(LONGEST_TOKEN + 1).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else "it is no text"
            return Unknown(
                f"the token in {where} cannot be read: {why}", "see github.token_file, and who may read it"
            )
    if token and (len(token) > LONGEST_TOKEN or not _TOKEN.fullmatch(token)):
        return Unknown(
            f"{where} holds no token: it has spaces, line breaks or other signs", "put the token there alone"
        )
    return token
