"""A branch is protected when every demand is made by a source that nobody passes by; what cannot be seen is no pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.model.forge import (
    BranchRules,
    Bypass,
    GitHubSettings,
    RequiredContext,
    RuleSource,
    TeamReview,
    Unknown,
)
from mobius.model.verdict import CheckResult, Outcome, worst
from mobius.rules.forge.protection import judge_protection

WANTED = GitHubSettings(ops_team="ops")
CONTEXTS = tuple(RequiredContext(name) for name in WANTED.contexts)
GOOD = RuleSource(
    'ruleset "main" (7)',
    contexts=CONTEXTS,
    reviews=2,
    team_reviews=(TeamReview("ops", 1, everywhere=True),),
    code_owners=True,
    dismisses_stale=True,
    last_push=True,
    blocks_force_pushes=True,
    blocks_deletion=True,
)
OTHER = RuleSource("classic protection")
NAMES = (
    *(f"required check {name}" for name in WANTED.contexts),
    *("reviews", "code owners", "stale reviews", "last push", "force pushes", "deletion"),
    *("operations review", "administrators", "bypass"),
)


def judged(*sources: RuleSource, wanted: GitHubSettings = WANTED, **more: object) -> dict[str, CheckResult]:
    rules = BranchRules("acme/dhash", "main", sources, **more)  # type: ignore[arg-type]
    return {each.name: each for each in judge_protection(rules, wanted)}


def failing(found: dict[str, CheckResult]) -> dict[str, Outcome]:
    return {name: each.outcome for name, each in found.items() if each.outcome is not Outcome.PASS}


def test_a_branch_that_meets_every_demand_passes() -> None:
    found = judged(GOOD)
    assert tuple(found) == NAMES
    assert failing(found) == {}


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        ({"contexts": CONTEXTS[1:]}, "required check ci/premerge-validation",
         "a merge does not need ci/premerge-validation: it needs golden-checks-ubuntu, golden-checks-macos,"
         " golden-checks-windows"),
        ({"reviews": 1}, "reviews", "a merge needs fewer than 2 approvals: it needs 1"),
        ({"code_owners": False}, "code owners", "code owners need not approve"),
        ({"dismisses_stale": False}, "stale reviews", "approvals outlive new commits"),
        ({"last_push": False}, "last push", "whoever pushed last may approve that alone"),
        ({"blocks_force_pushes": False}, "force pushes", "force pushes are not blocked"),
        ({"blocks_deletion": False}, "deletion", "the branch may be deleted"),
        ({"team_reviews": ()}, "operations review", "no rule makes every change need an approval of operations"),
        ({"team_reviews": (TeamReview("ops", 1, everywhere=False),)}, "operations review",
         "no rule makes every change need an approval of operations"),
        ({"team_reviews": (TeamReview("ops", 0, everywhere=True),)}, "operations review",
         "no rule makes every change need an approval of operations"),
        ({"team_reviews": (TeamReview("dev", 1, everywhere=True),)}, "operations review",
         "no rule makes every change need an approval of operations"),
        ({"bypass": (Bypass("administrators"),)}, "administrators",
         'administrators pass ruleset "main" (7) by'),
        ({"bypass": (Bypass("organization owners"),)}, "administrators",
         'organization owners pass ruleset "main" (7) by'),
        ({"bypass": (Bypass("team release", "pull requests"),)}, "bypass",
         'team release may pass pull requests of ruleset "main" (7) by'),
        ({"bypass": (Bypass("user bob", "reviews"),)}, "bypass",
         'user bob may pass reviews of ruleset "main" (7) by'),
    ],
)  # fmt: skip
def test_each_demand_that_is_not_met_fails_alone_and_says_why(
    change: dict[str, object], name: str, message: str
) -> None:
    found = judged(replace(GOOD, **change))  # type: ignore[arg-type]
    assert failing(found) == {name: Outcome.FAIL}
    assert found[name].message == message
    assert found[name].advice


def test_a_branch_without_any_rule_fails_everywhere() -> None:
    assert failing(judged()) == dict.fromkeys(NAMES, Outcome.FAIL)


def test_a_demand_may_be_met_by_either_source_and_both_are_named() -> None:
    found = judged(
        replace(GOOD, reviews=0), replace(OTHER, reviews=3), replace(OTHER, name="another", reviews=2)
    )
    assert failing(found) == {}
    assert found["reviews"].message == "demanded by classic protection and another"


def test_a_check_that_anybody_may_report_is_told_as_that() -> None:
    name = WANTED.contexts[0]
    bound = replace(OTHER, contexts=(RequiredContext(name, app=15368),))
    of_any, of_one = judged(GOOD), judged(GOOD, bound)
    told = f"required check {name}"
    assert of_any[told].message == 'demanded by ruleset "main" (7), whoever reports it'
    assert of_one[told].message == 'demanded by ruleset "main" (7) and classic protection'
    assert of_any[told].outcome is of_one[told].outcome is Outcome.PASS


def test_who_may_pass_one_source_by_is_harmless_where_another_one_demands_the_same_of_everybody() -> None:
    loose = replace(GOOD, name="loose", bypass=(Bypass("administrators"), Bypass("team release")))
    assert failing(judged(loose, GOOD)) == {}
    assert set(failing(judged(loose, replace(GOOD, last_push=False)))) == {"administrators", "bypass"}


def test_somebody_who_may_pass_reviews_by_is_harmless_where_that_source_demands_no_review() -> None:
    checks_only = replace(OTHER, contexts=CONTEXTS, bypass=(Bypass("user bob", "reviews"),))
    assert failing(judged(replace(GOOD, contexts=()), checks_only)) == {}


def test_who_is_allowed_to_pass_by_is_named_in_the_pass() -> None:
    loose = replace(GOOD, bypass=(Bypass("app 12"),))
    found = judged(loose, wanted=replace(WANTED, may_bypass=("app 12",)))
    assert failing(found) == {}
    assert found["bypass"].message == "as allowed: app 12"


def test_when_github_does_not_show_who_may_pass_by_it_is_an_error() -> None:
    found = judged(replace(GOOD, bypass=None))
    assert failing(found) == {"administrators": Outcome.ERROR, "bypass": Outcome.ERROR}
    assert found["bypass"].message == 'GitHub does not show who may pass ruleset "main" (7) by'


def test_a_source_that_cannot_be_read_makes_an_error_of_what_nobody_else_demands() -> None:
    unread = (Unknown("the protection of main: GitHub refuses it (403)", "set GITHUB_TOKEN"),)
    found = judged(replace(GOOD, reviews=1), unread=unread)
    assert failing(found) == {"reviews": Outcome.ERROR}
    assert found["reviews"].advice == "set GITHUB_TOKEN"
    assert set(failing(judged(unread=unread)).values()) == {Outcome.ERROR}


def test_what_is_wholly_unknown_is_one_error_and_no_pass() -> None:
    (only,) = judge_protection(Unknown("no answer within 10 s", "try again"), WANTED)
    assert (only.outcome, only.message, only.advice) == (Outcome.ERROR, "no answer within 10 s", "try again")


def test_a_demand_that_is_switched_off_is_not_asked() -> None:
    wanted = replace(WANTED, code_owners=False, dismiss_stale=False, last_push=False, contexts=())
    bare = replace(GOOD, contexts=(), code_owners=False, dismisses_stale=False, last_push=False)
    found = judged(bare, wanted=wanted)
    assert failing(found) == {}
    assert set(found) == set(NAMES) - set(NAMES[:4]) - {"code owners", "stale reviews", "last push"}


@pytest.mark.parametrize(
    ("owners", "outcome"),
    [
        ("* @acme/ops\n", Outcome.PASS),
        ("# all\n*   @acme/OPS # them\n/docs/ @acme/ops\n", Outcome.PASS),
        ("* @acme/ops @acme/dev\n", Outcome.FAIL),  # the approval of any one owner is enough
        ("* @acme/ops\n/docs/ @acme/dev\n", Outcome.FAIL),
        ("* @acme/ops\n/generated/\n", Outcome.FAIL),  # a line without owners takes them away
        ("*.js @acme/ops\n", Outcome.FAIL),
        ("* @other/ops\n", Outcome.FAIL),
        ("", Outcome.FAIL),
        (Unknown("CODEOWNERS: no answer", "try again"), Outcome.ERROR),
    ],
)
def test_code_owners_stand_for_operations_only_where_every_line_is_theirs(
    owners: str | Unknown, outcome: Outcome
) -> None:
    found = judged(replace(GOOD, team_reviews=()), code_owners_file=owners)
    assert failing(found) == ({} if outcome is Outcome.PASS else {"operations review": outcome})


def test_where_nobody_said_who_is_of_operations_it_is_an_error() -> None:
    found = judged(GOOD, wanted=GitHubSettings())
    assert failing(found) == {"operations review": Outcome.ERROR}
    assert found["operations review"].advice == "set github.ops_team or github.ops_reviewers"


def test_a_team_whose_name_is_not_shown_may_be_operations_so_it_is_an_error() -> None:
    found = judged(replace(GOOD, team_reviews=(TeamReview("team 42", 1, everywhere=True),)))
    assert failing(found) == {"operations review": Outcome.ERROR}


def test_whoever_passes_by_the_rule_that_asks_operations_is_told() -> None:
    asks = replace(OTHER, name="ops rule", team_reviews=GOOD.team_reviews, bypass=(Bypass("team release"),))
    found = judged(replace(GOOD, team_reviews=()), asks)
    assert failing(found) == {"bypass": Outcome.FAIL}


def test_the_weakest_reading_says_whether_administrators_are_held() -> None:
    loose = replace(GOOD, bypass=(Bypass("administrators"),))
    hidden = replace(GOOD, bypass=None)
    of = [
        BranchRules("acme/dhash", "main", s).admins_enforced for s in ((), (GOOD,), (GOOD, loose), (hidden,))
    ]
    assert of == [False, True, False, False]
    assert BranchRules("acme/dhash", "main", (loose,)).bypass == ((GOOD.name, Bypass("administrators")),)


def test_the_worst_of_all_is_what_a_command_answers() -> None:
    assert worst([each.outcome for each in judged(GOOD).values()]) is Outcome.PASS
