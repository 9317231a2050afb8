"""Whether a branch is protected as it must be: every demand by itself, and who may pass it by.

A demand counts when a source makes it. What a source that could not be read may demand is unknown, so a demand that no
other source makes is an ERROR then, and never a pass.
"""

from __future__ import annotations

from collections.abc import Callable

from mobius.model.forge import (
    ADMINISTRATORS,
    OWNERS,
    BranchRules,
    Bypass,
    GitHubSettings,
    RuleSource,
    TeamReview,
    Unknown,
)
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.forge.code_owners import ops_own_everything

Demand = Callable[[RuleSource], bool]
Demands = list[tuple[str, Demand]]
_OF_REVIEWS = {"reviews", "code owners", "stale reviews", "last push", "operations"}
REQUIRED_CHECK = "required check "
APPLY = "mobius github protection apply"
BYPASS_ADVICE = "take them out of the rule, or name them in github.may_bypass"


def judge_protection(found: BranchRules | Unknown, wanted: GitHubSettings) -> tuple[CheckResult, ...]:
    """One result for each demand. Unknown: one result, an error."""
    if isinstance(found, Unknown):
        return (_result("protection", Outcome.ERROR, found.reason, found.hint),)
    demands = demands_of(wanted)
    every = [(name, demand) for name, demand, _ in demands]
    return (
        *(_demanded(found, name, demand, words) for name, demand, words in demands),
        _operations(found, wanted),
        _administrators(found, [*every, *_of_operations(found, wanted)], wanted),
        _bypass(found, [*every, *_of_operations(found, wanted)], wanted),
    )


def demands_of(wanted: GitHubSettings) -> tuple[tuple[str, Demand, str], ...]:
    """(name of the check, whether a source demands it, what is missing where none does)."""
    contexts = tuple(
        (f"{REQUIRED_CHECK}{name}", _requires(name), f"a merge does not need {name}")
        for name in wanted.contexts
    )
    reviews = f"a merge needs fewer than {wanted.reviews} approvals"
    optional = (
        (wanted.code_owners, "code owners", lambda s: s.code_owners, "code owners need not approve"),
        (wanted.dismiss_stale, "stale reviews", lambda s: s.dismisses_stale, "approvals outlive new commits"),
        (wanted.last_push, "last push", lambda s: s.last_push, "whoever pushed last may approve that alone"),
    )
    return (
        *contexts,
        ("reviews", lambda source: source.reviews >= wanted.reviews, reviews),
        *((name, demand, words) for is_wanted, name, demand, words in optional if is_wanted),
        ("force pushes", lambda source: source.blocks_force_pushes, "force pushes are not blocked"),
        ("deletion", lambda source: source.blocks_deletion, "the branch may be deleted"),
    )


def _requires(name: str) -> Demand:
    return lambda source: any(context.name == name for context in source.contexts)


def _demanded(found: BranchRules, name: str, demand: Demand, missing: str) -> CheckResult:
    by = [source.name for source in found.sources if demand(source)]
    if by:
        return _result(name, Outcome.PASS, f"demanded by {' and '.join(by)}{_whose(found, name)}")
    if found.unread:
        words = f"no source that could be read demands it; {found.unread[0].reason}"
        return _result(name, Outcome.ERROR, words, found.unread[0].hint)
    detail = _instead(found, name)
    return _result(name, Outcome.FAIL, f"{missing}{detail}", APPLY)


def _whose(found: BranchRules, name: str) -> str:
    """Whoever may write can report a check that is bound to no app."""
    context = name.removeprefix(REQUIRED_CHECK)
    return ", whoever reports it" if context != name and context not in found.apps else ""


def _instead(found: BranchRules, name: str) -> str:
    if not found.sources:
        return f": {found.branch} is not protected at all"
    if name == "reviews":
        return f": it needs {found.reviews}"
    if name.startswith(REQUIRED_CHECK):
        return f": it needs {', '.join(found.contexts)}" if found.contexts else ": it needs no check"
    return ""


def _operations(found: BranchRules, wanted: GitHubSettings) -> CheckResult:
    name = "operations review"
    if not wanted.ops_team and not wanted.ops_reviewers:
        hint = "set github.ops_team or github.ops_reviewers"
        return _result(name, Outcome.ERROR, "nobody said who is of operations", hint)
    organization = found.repository.partition("/")[0]
    slug = wanted.ops_team.rpartition("/")[2].lower()
    by = [source.name for source in found.sources if any(_is_of(each, slug) for each in source.team_reviews)]
    if by:
        return _result(name, Outcome.PASS, f"demanded by {' and '.join(by)}")
    owners = found.code_owners_file
    if isinstance(owners, str) and ops_own_everything(owners, wanted, organization):
        return _result(name, Outcome.PASS, "demanded by CODEOWNERS, whose every line is theirs")
    who = f"@{organization}/{slug}" if slug else " ".join(f"@{each}" for each in wanted.ops_reviewers)
    unread = [*found.unread, *([owners] if isinstance(owners, Unknown) else [])]
    if any(each.team.startswith("team ") for source in found.sources for each in source.team_reviews):
        unread.append(
            Unknown("a team must approve, and GitHub does not show which", "let the token read teams")
        )
    if unread:
        return _result(name, Outcome.ERROR, f"not known: {unread[0].reason}", unread[0].hint)
    words = "no rule makes every change need an approval of operations"
    return _result(
        name, Outcome.FAIL, words, f'begin .github/CODEOWNERS with "* {who}", or demand it in a ruleset'
    )


def _administrators(found: BranchRules, demands: Demands, wanted: GitHubSettings) -> CheckResult:
    name = "administrators"
    if _is_bare(found, demands):
        if found.unread:
            return _result(name, Outcome.ERROR, found.unread[0].reason, found.unread[0].hint)
        return _result(name, Outcome.FAIL, "nothing holds, so nothing holds for administrators", APPLY)
    passing = {
        (source.name, one.who)
        for source, one in _passing(found, demands)
        if one.who in (ADMINISTRATORS, OWNERS) and one.who not in wanted.may_bypass
    }
    if passing:
        words = "; ".join(f"{who} pass {source} by" for source, who in sorted(passing))
        return _result(name, Outcome.FAIL, words, APPLY)
    hidden = _hidden(found, demands)
    if hidden:
        return _result(name, Outcome.ERROR, f"GitHub does not show who may pass {hidden} by", _SHOW)
    return _result(name, Outcome.PASS, "what is demanded holds for them, too")


def _bypass(found: BranchRules, demands: Demands, wanted: GitHubSettings) -> CheckResult:
    name = "bypass"
    everyone = [
        (source, one) for source, one in _passing(found, demands) if one.who not in (ADMINISTRATORS, OWNERS)
    ]
    others = [(source, one) for source, one in everyone if one.who not in wanted.may_bypass]
    if others:
        words = "; ".join(f"{one.who} may pass {one.what} of {source.name} by" for source, one in others)
        return _result(name, Outcome.FAIL, words, BYPASS_ADVICE)
    hidden = _hidden(found, demands)
    if hidden:
        return _result(name, Outcome.ERROR, f"GitHub does not show who may pass {hidden} by", _SHOW)
    if _is_bare(found, demands):
        if found.unread:
            return _result(name, Outcome.ERROR, found.unread[0].reason, found.unread[0].hint)
        return _result(name, Outcome.FAIL, "there is no rule that anybody would have to pass by", APPLY)
    allowed = ", ".join(dict.fromkeys(one.who for _, one in everyone))
    return _result(
        name, Outcome.PASS, f"as allowed: {allowed}" if allowed else "nobody else may pass rules by"
    )


_SHOW = "give the token the right Administration: read"


def _is_bare(found: BranchRules, demands: Demands) -> bool:
    """Whether no source makes any demand, so that there is nothing to pass by."""
    return not any(demand(source) for source in found.sources for _, demand in demands)


def _passing(found: BranchRules, demands: Demands) -> list[tuple[RuleSource, Bypass]]:
    """Who may pass by what matters: a demand that another source makes, which nobody passes by, holds anyway."""
    return [
        (source, one)
        for source in found.sources
        for one in source.bypass or ()
        if any(
            demand(source) and _affects(one, name) and not _firm(found, name, demand)
            for name, demand in demands
        )
    ]


def _hidden(found: BranchRules, demands: Demands) -> str:
    """The source of which GitHub does not tell who may pass it by, where that matters; "" where there is none."""
    for source in found.sources:
        matters = any(demand(source) and not _firm(found, name, demand) for name, demand in demands)
        if source.bypass is None and matters:
            return source.name
    return ""


def _firm(found: BranchRules, name: str, demand: Demand) -> bool:
    """Whether a source makes the demand that nobody passes by."""
    return any(
        demand(source) and source.bypass is not None and not any(_affects(one, name) for one in source.bypass)
        for source in found.sources
    )


def _affects(one: Bypass, name: str) -> bool:
    return one.what != "reviews" or name in _OF_REVIEWS


def _of_operations(found: BranchRules, wanted: GitHubSettings) -> Demands:
    """The demands that make operations approve, where nothing else asks for them."""
    slug = wanted.ops_team.rpartition("/")[2].lower()

    def by_team(source: RuleSource) -> bool:
        return any(_is_of(each, slug) for each in source.team_reviews)

    if any(by_team(source) for source in found.sources):
        return [("operations", by_team)]
    return [("code owners", lambda source: source.code_owners)] if found.code_owners_file else []


def _is_of(review: TeamReview, slug: str) -> bool:
    return bool(slug) and review.everywhere and review.minimum > 0 and review.team.lower() == slug


def _result(name: str, outcome: Outcome, message: str, advice: str = "") -> CheckResult:
    return CheckResult(name, outcome, message, 0.0, advice, group="protection")
