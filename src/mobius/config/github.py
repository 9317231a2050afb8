"""The settings of the repository on GitHub: where it is, and what must hold for the branch that is released from."""

from __future__ import annotations

from urllib.parse import urlsplit

from mobius.config.kinds import Duration, Flag, Number, Text
from mobius.config.mistakes import Mistakes
from mobius.config.shapes import ListOf, Url
from mobius.config.table import Field, Section, with_defaults_of
from mobius.config.tree import Tree, at
from mobius.model.forge import GitHubSettings

_LOGIN = Text('a login such as "ann"', r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,100})")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

GITHUB = Section(
    "github",
    with_defaults_of(
        GitHubSettings,
        Field(
            "repository",
            Text('owner/name, such as "acme/dhash"', r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}"),
            "The repository.",
            default_words="`GITHUB_REPOSITORY`, else that of the git remote `origin`",
        ),
        Field(
            "api_url",
            Url('an https address such as "https://github.example.org/api/v3"'),
            "Of a GitHub of your own.",
            default_words="`GITHUB_API_URL`, else github.com's",
        ),
        Field(
            "token_file",
            Text("a path"),
            "A file with the token, where neither GITHUB_TOKEN nor GH_TOKEN is set.",
        ),
        Field("branch", Text('the name of a branch, such as "main"', longest=255), "What is released from."),
        Field(
            "contexts",
            ListOf(Text("the name of a check", longest=255), 'a list of checks, such as ["ci/test"]'),
            "Checks that a merge needs.",
        ),
        Field("reviews", Number(1, 6, whole=True), "Approvals that a merge needs."),
        Field(
            "ops_team",
            Text(
                'the slug of a team, such as "ops" or "acme/ops"',
                r"(?:[A-Za-z0-9-]{1,100}/)?[A-Za-z0-9_-]{1,100}",
            ),
            "The operations team: one approval is of a member.",
        ),
        Field(
            "ops_reviewers",
            ListOf(_LOGIN, 'a list of logins, such as ["ann"]'),
            "Who counts as of operations, also without a team.",
        ),
        Field("code_owners", Flag(), "Code owners must approve."),
        Field("dismiss_stale", Flag(), "A new commit takes approvals back."),
        Field("last_push", Flag(), "Somebody other than whoever pushed last must approve."),
        Field(
            "may_bypass",
            ListOf(Text("a name", longest=255), 'a list, such as ["team release", "app 1234"]'),
            "Who may pass rules by, named as `mobius github protection check` names them.",
        ),
        Field("timeout", Duration(), "Longest wait for one answer."),
    ),
    "The repository on GitHub: `mobius github`, and the approvals of `mobius ready`.",
)


def check_github(tree: Tree, mistakes: Mistakes) -> None:
    """A token does not go over a line that others can read."""
    api = at(tree, "github", "api_url")
    if api and api.value.startswith("http:") and urlsplit(api.value).hostname not in _LOOPBACK:
        mistakes.add(api.place, "would send the token where others can read it, expected an https address")
    repository = at(tree, "github", "repository")
    if repository and any(part in (".", "..") for part in repository.value.split("/")):
        mistakes.add(repository.place, 'is no repository, expected owner/name, such as "acme/dhash"')
