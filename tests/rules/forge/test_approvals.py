"""Two approvals at the head, one of operations, none of the author: everything that looks like one and is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.model.forge import Approvals, CheckRun, GitHubSettings, Pull, Review, ReviewState, Unknown
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.forge.approvals import judge_approvals
from mobius.rules.forge.checks import judge_checks

HEAD, OLD, MERGE = "a" * 40, "b" * 40, "c" * 40
PULL = Pull(7, HEAD, "ann", "main", url="https://github.com/acme/dhash/pull/7")
WANTED = GitHubSettings(ops_team="ops")
BOB = Review("bob", ReviewState.APPROVED, HEAD, may_write=True, in_ops=False)
OLGA = Review("olga", ReviewState.APPROVED, HEAD, may_write=True, in_ops=True)


def judged(*reviews: Review, commit: str = "", **more: object) -> dict[str, CheckResult]:
    found = Approvals(PULL, reviews, authors=("ann",), ops="ops")
    return {each.name: each for each in judge_approvals(replace(found, **more), WANTED, commit=commit)}  # type: ignore[arg-type]


def outcomes(found: dict[str, CheckResult]) -> tuple[Outcome, ...]:
    return tuple(each.outcome for each in found.values())


def test_two_approvals_at_the_head_with_one_of_operations_pass() -> None:
    found = judged(BOB, OLGA)
    assert outcomes(found) == (Outcome.PASS,) * 3
    assert found["approvals"].message == "2 of 2 approvals at aaaaaaaaaaaa of pull request 7 by bob, olga"
    assert found["operations approval"].message == "olga of ops approved"


@pytest.mark.parametrize(
    ("review", "why"),
    [
        (replace(BOB, state=ReviewState.DISMISSED), "bob's was dismissed"),
        (replace(BOB, commit=OLD), "bob approved bbbbbbbbbbbb"),
        (replace(BOB, commit=""), "bob approved an unknown commit"),
        (replace(BOB, is_bot=True), "bob is a machine"),
        (replace(BOB, may_write=False), "bob may not write here"),
        (replace(BOB, reviewer="Ann"), "Ann made the change"),
    ],
)
def test_an_approval_that_does_not_count_is_told_with_its_reason(review: Review, why: str) -> None:
    found = judged(review, OLGA)
    assert outcomes(found) == (Outcome.FAIL, Outcome.PASS, Outcome.PASS)
    assert found["approvals"].message == (
        f"1 of 2 approvals at aaaaaaaaaaaa of pull request 7 by olga; not counted: {why}"
    )
    assert found["approvals"].advice == "ask for reviews: https://github.com/acme/dhash/pull/7"


def test_two_approvals_without_operations_do_not_pass() -> None:
    found = judged(BOB, replace(BOB, reviewer="cid"))
    assert outcomes(found) == (Outcome.PASS, Outcome.FAIL, Outcome.PASS)
    assert found["operations approval"].message == "nobody of ops approved aaaaaaaaaaaa"


def test_the_author_does_not_count_as_operations_either() -> None:
    assert (
        outcomes(judged(BOB, replace(BOB, reviewer="cid"), replace(OLGA, reviewer="ann")))[1] is Outcome.FAIL
    )


def test_a_request_for_changes_holds_also_of_an_older_commit() -> None:
    asks = replace(BOB, reviewer="cid", state=ReviewState.CHANGES_REQUESTED, commit=OLD)
    found = judged(BOB, OLGA, asks)
    assert found["changes requested"].outcome is Outcome.FAIL
    assert found["changes requested"].message == "cid asked for changes"
    assert outcomes(judged(BOB, OLGA, replace(asks, may_write=False)))[2] is Outcome.PASS


def test_unknown_rights_are_an_error_where_they_decide_and_nothing_where_they_do_not() -> None:
    unsure = replace(BOB, may_write=None)
    found = judged(unsure, OLGA)
    assert outcomes(found) == (Outcome.ERROR, Outcome.PASS, Outcome.PASS)
    assert found["approvals"].message.endswith("by olga; unknown what bob may do")
    assert outcomes(judged(unsure, OLGA, replace(BOB, reviewer="cid")))[0] is Outcome.PASS
    assert outcomes(judged(replace(unsure, commit=OLD), OLGA))[0] is Outcome.FAIL


def test_an_operations_team_that_cannot_be_read_is_an_error() -> None:
    hidden = replace(BOB, in_ops=None)
    found = judged(hidden, replace(hidden, reviewer="cid"), ops_unknown="the team acme/ops: 404")
    assert outcomes(found) == (Outcome.PASS, Outcome.ERROR, Outcome.PASS)
    assert found["operations approval"].message == "the team acme/ops: 404"
    assert outcomes(judged(hidden, OLGA, ops_unknown="the team acme/ops: 404"))[1] is Outcome.PASS


def test_operations_with_unknown_rights_are_an_error() -> None:
    found = judged(BOB, replace(BOB, reviewer="cid"), replace(OLGA, may_write=None))
    assert outcomes(found) == (Outcome.PASS, Outcome.ERROR, Outcome.PASS)
    assert found["operations approval"].message == "it is not known whether an approval of ops counts"


def test_approvals_of_what_was_closed_without_a_merge_release_nothing() -> None:
    found = judged(BOB, OLGA, commit=HEAD, pull=replace(PULL, closed=True))
    assert outcomes(found) == (Outcome.FAIL,)
    assert found["approvals"].message.startswith("pull request 7 was closed without a merge")
    assert outcomes(judged(BOB, OLGA, commit=HEAD)) == (Outcome.PASS,) * 3


def test_the_commit_must_be_the_head_or_its_merge() -> None:
    merged = replace(PULL, merged=True, merge_commit=MERGE)
    assert outcomes(judged(BOB, OLGA, commit=HEAD)) == (Outcome.PASS,) * 3
    assert outcomes(judged(BOB, OLGA, commit=MERGE, pull=merged)) == (Outcome.PASS,) * 3
    assert outcomes(judged(BOB, OLGA, commit=MERGE.upper(), pull=merged)) == (Outcome.PASS,) * 3
    found = judged(BOB, OLGA, commit=OLD, pull=merged)
    assert outcomes(found) == (Outcome.FAIL,)
    assert found["approvals"].message == "bbbbbbbbbbbb is neither the head nor the merge of pull request 7"


def test_a_merge_that_github_does_not_name_is_unknown() -> None:
    found = judged(BOB, OLGA, commit=MERGE, pull=replace(PULL, merged=True))
    assert outcomes(found) == (Outcome.ERROR,)


def test_a_pull_request_into_another_branch_is_not_what_is_released() -> None:
    found = judged(BOB, OLGA, commit=HEAD, pull=replace(PULL, base="feature"))
    assert outcomes(found) == (Outcome.FAIL,)
    assert found["approvals"].message == "pull request 7 goes into feature, and main is released from"


def test_a_commit_without_a_pull_request_was_approved_by_nobody() -> None:
    (only,) = judge_approvals(None, WANTED, commit=HEAD)
    assert (only.outcome, only.message) == (
        Outcome.FAIL,
        "no pull request brought aaaaaaaaaaaa, so nobody approved it",
    )


def test_what_is_unknown_is_an_error() -> None:
    (only,) = judge_approvals(Unknown("GitHub refuses it (403)", "set GITHUB_TOKEN"), WANTED)
    assert (only.outcome, only.advice) == (Outcome.ERROR, "set GITHUB_TOKEN")


@pytest.mark.parametrize(
    ("conclusions", "outcome", "message"),
    [
        (["success"], Outcome.PASS, "passed at aaaaaaaaaaaa"),
        ([], Outcome.INCONCLUSIVE, "did not run at aaaaaaaaaaaa"),
        (["failure"], Outcome.FAIL, "failure at aaaaaaaaaaaa"),
        (["success", "timed_out"], Outcome.FAIL, "timed_out at aaaaaaaaaaaa"),
        (["something new"], Outcome.FAIL, "something new at aaaaaaaaaaaa"),
        ([""], Outcome.INCONCLUSIVE, "has not ended at aaaaaaaaaaaa"),
        (["success", "skipped"], Outcome.INCONCLUSIVE, "was skipped at aaaaaaaaaaaa"),
        (["neutral"], Outcome.INCONCLUSIVE, "was skipped at aaaaaaaaaaaa"),
    ],
)
def test_only_a_check_that_succeeded_passes(conclusions: list[str], outcome: Outcome, message: str) -> None:
    runs = tuple(CheckRun("ci/test", each) for each in conclusions)
    (only,) = judge_checks((*runs, CheckRun("another", "failure")), ["ci/test"], HEAD)
    assert (only.outcome, only.message) == (outcome, message)


def test_checks_that_cannot_be_had_are_errors_each() -> None:
    found = judge_checks(Unknown("no answer", "try again"), ["one", "two"], HEAD)
    assert [(each.name, each.outcome) for each in found] == [("one", Outcome.ERROR), ("two", Outcome.ERROR)]
