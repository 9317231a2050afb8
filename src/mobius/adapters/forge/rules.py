"""What a classic protection and a ruleset demand, from GitHub's answers, each read as weakly as it can be meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mobius.adapters.forge.answers import (
    Actor,
    Allowed,
    ChecksRule,
    Classic,
    Enabled,
    PullRule,
    RequiredReviewer,
    Rule,
    Ruleset,
    convert,
)
from mobius.model.forge import (
    ADMINISTRATORS,
    CLASSIC,
    OWNERS,
    Bypass,
    RequiredContext,
    RuleSource,
    TeamReview,
    Unknown,
)

EVERY_FILE = {"*", "**", "**/*"}
_ROLES = {5: ADMINISTRATORS, 4: "everybody who may write", 2: "maintainers"}


def of_classic(said: Classic) -> RuleSource:
    """The classic protection of a branch."""
    checks, reviews = said.required_status_checks, said.required_pull_request_reviews
    named = {each.context: max(each.app_id or 0, 0) for each in checks.checks} if checks else {}
    contexts = [*named, *(name for name in checks.contexts if name not in named)] if checks else []
    count = 0 if reviews is None else reviews.required_approving_review_count
    return RuleSource(
        CLASSIC,
        contexts=tuple(RequiredContext(name, named.get(name, 0)) for name in contexts),
        up_to_date=bool(checks and checks.strict),
        reviews=max(0, count) if count is not None else 0,
        code_owners=bool(reviews and reviews.require_code_owner_reviews),
        dismisses_stale=bool(reviews and reviews.dismiss_stale_reviews),
        last_push=bool(reviews and reviews.require_last_push_approval),
        # Left out is no answer, so neither is believed to be blocked.
        blocks_force_pushes=said.allow_force_pushes is not None and not said.allow_force_pushes.enabled,
        blocks_deletion=said.allow_deletions is not None and not said.allow_deletions.enabled,
        bypass=(
            *(() if _on(said.enforce_admins) else (Bypass(ADMINISTRATORS),)),
            *(_allowed(reviews.bypass_pull_request_allowances) if reviews else ()),
        ),
    )


def of_ruleset(
    ruleset: Ruleset | int, rules: Sequence[Rule], teams: Mapping[int, str]
) -> RuleSource | Unknown:
    """One ruleset by those of its rules that hold for the branch; a number where it could not be read itself, so that
    nobody knows who may pass it by. `teams`: the names of teams by their ids."""
    name = f"ruleset {ruleset}" if isinstance(ruleset, int) else f'ruleset "{ruleset.name}" ({ruleset.id})'
    if not isinstance(ruleset, int) and ruleset.enforcement != "active":
        words = f"GitHub says that {name} holds for the branch, and that it is not active: {ruleset.enforcement[:40]}"
        return Unknown(words, "see the rulesets of the repository, on GitHub")
    contexts: list[RequiredContext] = []
    pulls: list[PullRule] = []
    strict = False
    for rule in rules:
        if rule.type == "required_status_checks":
            checks = convert(rule.parameters or {}, ChecksRule, name)
            if isinstance(checks, Unknown):
                return checks
            contexts += [
                RequiredContext(each.context, each.integration_id or 0)
                for each in checks.required_status_checks
            ]
            strict = strict or checks.strict_required_status_checks_policy
        elif rule.type == "pull_request":
            pull = convert(rule.parameters or {}, PullRule, name)
            if isinstance(pull, Unknown):
                return pull
            pulls.append(pull)
    kinds = {rule.type for rule in rules}
    actors = None if isinstance(ruleset, int) else ruleset.bypass_actors
    return RuleSource(
        name,
        contexts=tuple(dict.fromkeys(contexts)),
        up_to_date=strict,
        reviews=max((max(0, pull.required_approving_review_count) for pull in pulls), default=0),
        team_reviews=tuple(_team_reviews((each for p in pulls for each in p.required_reviewers), teams)),
        code_owners=any(pull.require_code_owner_review for pull in pulls),
        dismisses_stale=any(pull.dismiss_stale_reviews_on_push for pull in pulls),
        last_push=any(pull.require_last_push_approval for pull in pulls),
        blocks_force_pushes="non_fast_forward" in kinds,
        blocks_deletion="deletion" in kinds,
        bypass=None if actors is None else tuple(_actor(each, teams) for each in actors),
    )


def _on(flag: Enabled | None) -> bool:
    return flag is not None and flag.enabled


def _allowed(who: Allowed | None) -> Iterable[Bypass]:
    if who is None:
        return
    for kind, named in (("user", who.users), ("team", who.teams), ("app", who.apps)):
        for each in named:
            yield Bypass(f"{kind} {each.login or each.slug or each.name or each.id}", "reviews")


def _actor(actor: Actor, teams: Mapping[int, str]) -> Bypass:
    number = actor.actor_id or 0
    who = {
        "OrganizationAdmin": OWNERS,
        "RepositoryRole": _ROLES.get(number, f"role {number}"),
        "Team": f"team {teams.get(number, number)}",
        "Integration": f"app {number}",
        "DeployKey": "deploy keys",
    }.get(actor.actor_type, f"{actor.actor_type} {number}")
    return Bypass(who, "pull requests" if actor.bypass_mode == "pull_request" else "everything")


def _team_reviews(wanted: Iterable[RequiredReviewer], teams: Mapping[int, str]) -> Iterable[TeamReview]:
    for each in wanted:
        if each.reviewer is None or each.reviewer.type not in ("Team", ""):
            continue
        everywhere = bool(EVERY_FILE & set(each.file_patterns)) and not any(
            pattern.startswith("!") for pattern in each.file_patterns
        )
        number = each.reviewer.id
        yield TeamReview(teams.get(number, f"team {number}"), max(0, each.minimum_approvals), everywhere)
