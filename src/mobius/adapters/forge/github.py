"""GitHub as a forge: some fifteen endpoints of its REST API, read with as few rights as each needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from mobius.adapters.forge import answers as said
from mobius.adapters.forge.comments import Comments
from mobius.adapters.forge.line import Got, Line, Said
from mobius.adapters.forge.people import People
from mobius.adapters.forge.refusals import message_in
from mobius.adapters.forge.rules import of_classic, of_ruleset
from mobius.model.forge import (
    Approvals,
    BranchRules,
    CheckRun,
    Comment,
    GitHubSettings,
    Pull,
    RuleSource,
    Unknown,
)

T = TypeVar("T")
PAGE, PAGES = 100, 20
# As RFC 8288 lets it be written: a proxy may write it anew, and a page that is missed reads like none.
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,<]*\brel\s*=\s*"?(?:[^",;<]*\s)?next\b', re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_CODE_OWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")


class GitHub:
    """One repository. Every method keeps the promise of the port: it answers, or says why it cannot."""

    def __init__(self, line: Line, repository: str, settings: GitHubSettings) -> None:
        self._line = line
        self._repository = repository
        self._settings = settings
        self._people = People(self, settings)
        self._comments = Comments(self)

    @property
    def repository(self) -> str:
        """owner/name."""
        return self._repository

    # -- rules of a branch ------------------------------------------------------------------------------------------

    def protection(self, branch: str) -> BranchRules | Unknown:
        """Classic protection and rulesets; a source that cannot be had is told in `unread`."""
        there = self.one(self._of_branch(branch), dict[str, Any], f"the branch {branch}")
        if isinstance(there, Unknown):
            return there
        classic, rulesets = self._classic(branch), self._rulesets(branch)
        unread = [each for each in (classic, rulesets) if isinstance(each, Unknown)]
        if len(unread) == 2:
            return unread[0]
        sources: list[RuleSource] = []
        if isinstance(classic, said.Classic):
            sources.append(of_classic(classic))
        if isinstance(rulesets, tuple):
            for each in rulesets:
                (unread if isinstance(each, Unknown) else sources).append(each)  # type: ignore[arg-type]
        wants_owners = any(source.code_owners for source in sources)
        owners = self._code_owners(branch) if wants_owners else ""
        return BranchRules(self.repository, branch, tuple(sources), tuple(unread), owners)

    def classic(self, branch: str) -> Mapping[str, Any] | Unknown | None:
        """As GitHub answers it."""
        got = self._line.ask("GET", f"{self._of_branch(branch)}/protection")
        if isinstance(got, Said) and got.status == 404 and message_in(got.body) == "Branch not protected":
            return None
        if not isinstance(got, Got):
            return self._missing(got, f"the protection of {branch}", "Administration: read")
        return said.read(got.body, dict[str, Any], f"the protection of {branch}")

    def put_classic(self, branch: str, body: Mapping[str, Any] | None) -> Unknown | None:
        """Replaces it, or takes it away."""
        path = f"{self._of_branch(branch)}/protection"
        if body is None:
            got = self._line.ask("DELETE", path)
        else:
            got = self._line.ask("PUT", path, json.dumps(body).encode())
        if isinstance(got, Got):
            return None
        if isinstance(got, Said) and got.status == 422:
            return Unknown(f"GitHub refuses this protection: {message_in(got.body) or 'no reason given'}")
        return self._missing(got, f"the protection of {branch}", "Administration: write")

    def own_ruleset(self, name: str) -> Mapping[str, Any] | Unknown | None:
        """As GitHub answers it."""
        rulesets, what = f"/repos/{self.repository}/rulesets", f'the ruleset "{name}"'
        listed = self.many(f"{rulesets}?includes_parents=false", said.Ruleset, "the rulesets")
        if isinstance(listed, Unknown):
            return listed
        numbers = [each.id for each in listed if each.name == name]
        if len(numbers) > 1:
            return Unknown(f'{len(numbers)} rulesets are called "{name}"', "leave one of them, on GitHub")
        if not numbers:
            return None
        found = self.one(f"{rulesets}/{numbers[0]}", dict[str, Any], what)
        read = found if isinstance(found, Unknown) else said.convert(found, said.OwnRuleset, what)
        rules = () if isinstance(read, Unknown) else read.rules
        kinds: dict[str, type] = {"required_status_checks": said.ChecksRule, "pull_request": said.PullRule}
        odd = (said.convert(r.parameters or {}, kinds[r.type], what) for r in rules if r.type in kinds)
        return next((each for each in (read, *odd) if isinstance(each, Unknown)), found)

    def put_ruleset(self, number: int | None, body: Mapping[str, Any] | None) -> Unknown | None:
        """Replaces it, makes it, or takes it away."""
        path = f"/repos/{self.repository}/rulesets" + (f"/{number}" if number is not None else "")
        method = "DELETE" if body is None else "POST" if number is None else "PUT"
        got = self._line.ask(method, path, None if body is None else json.dumps(body).encode())
        if isinstance(got, Got) or (isinstance(got, Said) and got.status == 404 and body is None):
            return None
        if isinstance(got, Said) and got.status == 422:
            return Unknown(f"GitHub refuses this ruleset: {message_in(got.body) or 'no reason given'}")
        return self._missing(got, "the ruleset", "Administration: write")

    def _classic(self, branch: str) -> said.Classic | Unknown | None:
        found = self.classic(branch)
        if found is None or isinstance(found, Unknown):
            return found
        return said.convert(found, said.Classic, f"the protection of {branch}")

    def _rulesets(self, branch: str) -> tuple[RuleSource | Unknown, ...] | Unknown:
        path = f"/repos/{self.repository}/rules/branches/{quote(branch, safe='')}"
        rules = self.many(path, said.Rule, f"the rulesets of {branch}")
        if isinstance(rules, Unknown):
            return rules
        by_set: dict[int, list[said.Rule]] = {}
        for rule in rules:
            by_set.setdefault(rule.ruleset_id, []).append(rule)
        teams = self._people.team_names() if rules else {}
        return tuple(of_ruleset(self._ruleset(number), each, teams) for number, each in by_set.items())

    def _ruleset(self, number: int) -> said.Ruleset | int:
        """Itself, or its number where it cannot be read: then nobody knows who may pass it by."""
        path = f"/repos/{self.repository}/rulesets/{number}?includes_parents=true"
        found = self.one(path, said.Ruleset, f"ruleset {number}")
        return number if isinstance(found, Unknown) else found

    def _code_owners(self, branch: str) -> str | Unknown:
        for path in _CODE_OWNERS:
            address = f"/repos/{self.repository}/contents/{path}?ref={quote(branch, safe='')}"
            got = self._line.ask("GET", address, accept="application/vnd.github.raw+json")
            if isinstance(got, Got):
                return got.body.decode("utf-8", "replace")
            if isinstance(got, Unknown):
                return got
        return ""  # the branch was read before, so these 404 mean that there is none

    # -- pull requests, reviews, checks -----------------------------------------------------------------------------

    def pull(self, number: int) -> Pull | Unknown:
        """The pull request of that number."""
        path = f"/repos/{self.repository}/pulls/{number}"
        found = self.one(path, said.PullRequest, f"pull request {number}")
        return found if isinstance(found, Unknown) else _pull(found)

    def pull_of(self, commit: str) -> Pull | Unknown | None:
        """The one whose head or merge it is first, else the one that has it among others."""
        if not _COMMIT.fullmatch(commit):
            return Unknown(
                f"{commit[:80]!r} is no whole commit id", "give all of its digits: git rev-parse TAG^{commit}"
            )
        path = f"/repos/{self.repository}/commits/{commit}/pulls"
        found = self.many(path, said.PullRequest, f"commit {commit[:12]}")
        if isinstance(found, Unknown):
            return found
        pulls = [_pull(each) for each in found]
        exact = [each for each in pulls if commit.lower() in (each.merge_commit, each.head)]
        # An open pull request has a merge commit that GitHub only tries out.
        exact.sort(
            key=lambda each: (
                not (each.merged and each.merge_commit == commit.lower()),
                each.closed,
                -each.number,
            )
        )
        return next(iter(exact or pulls), None)

    def approvals(self, pull: Pull) -> Approvals | Unknown:
        """The last word of every reviewer."""
        return self._people.approvals(pull)

    def check_runs(self, commit: str) -> tuple[CheckRun, ...] | Unknown:
        """The newest run of every check, and every commit status."""
        if not _COMMIT.fullmatch(commit):
            return Unknown(
                f"{commit[:80]!r} is no whole commit id", "give all of its digits: git rev-parse TAG^{commit}"
            )
        about = f"the checks of {commit[:12]}"
        base = f"/repos/{self.repository}/commits/{commit}"
        runs = self.pages(f"{base}/check-runs?filter=latest", said.CheckRuns, about)
        states = (
            self.pages(f"{base}/status", said.CombinedStatus, about)
            if not isinstance(runs, Unknown)
            else runs
        )
        if isinstance(runs, Unknown):
            return runs
        if isinstance(states, Unknown):
            return states
        found = [_run(each) for page in runs for each in page.check_runs]
        if runs and len(found) < runs[0].total_count:
            return said.odd(about, f"{runs[0].total_count} checks are announced, {len(found)} came")
        for page in states:
            for each in page.statuses:
                state = "" if each.state == "pending" else each.state
                found.append(CheckRun(each.context, state, "", each.updated_at or "", each.target_url or ""))
        told = sum(len(page.statuses) for page in states)
        if states and told < states[0].total_count:
            return said.odd(about, f"{states[0].total_count} statuses are announced, {told} came")
        return tuple(found)

    def comment(self, pull: int, marker: str, text: str) -> Comment | Unknown:
        """One comment, found again by its marker."""
        return self._comments.keep(pull, marker, text)

    # -- asking -------------------------------------------------------------------------------------------------------

    def one(self, path: str, kind: type[T], what: str) -> T | Unknown:
        """One answer of this kind."""
        got = self._line.ask("GET", path)
        if not isinstance(got, Got):
            return self._missing(got, what)
        return said.read(got.body, kind, what)

    def many(self, path: str, kind: type[T], what: str) -> list[T] | Unknown:
        """All items of a list over several pages."""
        pages = self.pages(path, list[kind], what)  # type: ignore[valid-type]
        return pages if isinstance(pages, Unknown) else [each for page in pages for each in page]

    def pages(self, path: str, kind: type[T], what: str) -> list[T] | Unknown:
        """Every page of an answer; Unknown where one is missing, since the rest would read like the whole."""
        address = f"{path}{'&' if '?' in path else '?'}per_page={PAGE}"
        found: list[T] = []
        for _ in range(PAGES):
            got = self._line.ask("GET", address)
            if not isinstance(got, Got):
                return self._missing(got, what)
            page = said.read(got.body, kind, what)
            if isinstance(page, Unknown):
                return page
            found.append(page)
            following = _NEXT.search(got.headers.get("link", ""))
            if following is None:
                return found
            address = following[1]
        return Unknown(f"{what}: more than {PAGES} pages", "that is more than mobius reads")

    def change(self, method: str, path: str, body: object, what: str) -> Got | Unknown | None:
        """Changes something; None where it is not there (any more)."""
        got = self._line.ask(method, path, None if body is None else msgspec.json.encode(body))
        if isinstance(got, Said) and got.status == 404 and method != "POST":
            return None
        return got if isinstance(got, Got) else self._missing(got, what)

    def _missing(self, got: Said | Unknown, what: str, right: str = "") -> Unknown:
        if isinstance(got, Unknown):
            return Unknown(f"{what}: {got.reason}", got.hint)
        needs = f" (it needs {right})" if right else ""
        if got.status == 404:
            return Unknown(
                f"{what}: GitHub shows nothing there (404): {self.repository} has none, or the token may not see it",
                f"see github.repository, and what the token may read{needs}",
            )
        words = message_in(got.body)
        if words.startswith("No commit found"):
            return Unknown(f"{what}: GitHub does not have this commit", "git push, and let its checks run")
        return Unknown(
            f"{what}: GitHub refuses the question ({got.status}): {words or 'it does not say why'}",
            "see github.repository, and what is asked for",
        )

    def _of_branch(self, branch: str) -> str:
        return f"/repos/{self.repository}/branches/{quote(branch, safe='')}"


def _pull(each: said.PullRequest) -> Pull:
    return Pull(
        each.number,
        each.head.sha.lower(),
        each.user.login if each.user else "",
        each.base.ref,
        each.merged_at is not None,
        (each.merge_commit_sha or "").lower() if each.merged_at is not None else "",
        each.html_url,
        closed=each.state == "closed" and each.merged_at is None,
    )


def _run(each: said.CheckRunAnswer) -> CheckRun:
    conclusion = (each.conclusion or "") if each.status == "completed" else ""
    at = each.completed_at or each.started_at or ""
    app = each.app or said.Named()
    return CheckRun(each.name, conclusion, app.slug, at, each.html_url or "", app.id)
