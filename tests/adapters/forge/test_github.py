"""Rules, reviews and checks as GitHub answers them, over real HTTP, and what each refusal of it means."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from github_answers import user
from github_server import BASE, HEAD, MERGE, TOKEN, GitHubServer
from mobius.adapters.forge.github import GitHub
from mobius.adapters.forge.line import Line
from mobius.model.forge import (
    Approvals,
    BranchRules,
    Bypass,
    GitHubSettings,
    Pull,
    Review,
    ReviewState,
    TeamReview,
    Unknown,
)
from mobius.model.verdict import Outcome
from mobius.rules.forge.approvals import judge_approvals
from mobius.rules.forge.protection import judge_protection

SETTINGS = GitHubSettings(ops_team="ops")


def forge(github: GitHubServer, settings: GitHubSettings = SETTINGS) -> GitHub:
    line = Line(github.url, TOKEN, timeout_s=30.0, now=time.time, wait=lambda _: None, patience_s=0.0)
    return GitHub(line, "acme/dhash", settings)


def known(found: Any) -> Any:
    assert not isinstance(found, Unknown), found
    return found


def unknown(found: Any) -> str:
    assert isinstance(found, Unknown), found
    assert TOKEN not in found.reason + found.hint
    return found.reason


def rule(kind: str, **parameters: Any) -> dict[str, Any]:
    return {"type": kind, **({"parameters": parameters} if parameters else {})}


def test_a_classic_protection_is_read_whole(github: GitHubServer) -> None:
    passing = {"users": ["bob"], "teams": ["release"], "apps": ["deploybot"]}
    github.protect(admins=False, reviews={"required_approving_review_count": 3, "dismiss_stale_reviews": True,
                                          "bypass_pull_request_allowances": passing})  # fmt: skip
    rules = known(forge(github).protection("main"))
    (source,) = rules.sources
    assert (source.name, source.reviews, source.dismisses_stale, source.code_owners) == (
        "classic protection", 3, True, False,
    )  # fmt: skip
    assert rules.contexts == SETTINGS.contexts
    assert source.contexts[0].app == 15368
    assert source.bypass == (
        Bypass("administrators"),
        Bypass("user bob", "reviews"),
        Bypass("team release", "reviews"),
        Bypass("app deploybot", "reviews"),
    )


@pytest.mark.parametrize("flag", [{"enabled": True}, None])
def test_force_pushes_and_deletion_are_blocked_only_where_it_is_said(
    github: GitHubServer, flag: object
) -> None:
    said = github.protect(allow_force_pushes=flag, allow_deletions=flag)
    if flag is None:
        del said["allow_force_pushes"], said["allow_deletions"]
    (source,) = known(forge(github).protection("main")).sources
    assert (source.blocks_force_pushes, source.blocks_deletion) == (False, False)
    github.protect()
    (source,) = known(forge(github).protection("main")).sources
    assert (source.blocks_force_pushes, source.blocks_deletion) == (True, True)


def test_a_ruleset_is_read_whole_with_who_passes_it_by(github: GitHubServer) -> None:
    ops = known(forge(github).one("/orgs/acme/teams/ops", dict, "the team"))["id"]
    reviewers = [
        {"file_patterns": [pattern], "minimum_approvals": 1, "reviewer": {"id": team, "type": "Team"}}
        for pattern, team in (("*", ops), ("docs/*", 9))
    ]
    github.rulesets[7] = {
        "name": "main",
        "bypass_actors": [
            {"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "always"},
            {"actor_type": "OrganizationAdmin", "actor_id": None, "bypass_mode": "always"},
            {"actor_type": "Team", "actor_id": ops, "bypass_mode": "pull_request"},
            {"actor_type": "Integration", "actor_id": 42},
            {"actor_type": "DeployKey"},
            {"actor_type": "SomethingNew", "actor_id": 3, "bypass_mode": "exempt"},
        ],
        "rules": [
            rule("pull_request", required_approving_review_count=2, require_code_owner_review=True,
                 dismiss_stale_reviews_on_push=True, require_last_push_approval=True,
                 required_reviewers=reviewers),
            rule("required_status_checks", required_status_checks=[{"context": "ci/test"}]),
            rule("non_fast_forward"),
            rule("deletion"),
        ],
    }  # fmt: skip
    (source,) = known(forge(github).protection("main")).sources
    assert source.name == 'ruleset "main" (7)'
    assert source.team_reviews == (TeamReview("ops", 1, True), TeamReview("team 9", 1, False))
    assert source.bypass == (
        Bypass("administrators"),
        Bypass("organization owners"),
        Bypass("team ops", "pull requests"),
        Bypass("app 42"),
        Bypass("deploy keys"),
        Bypass("SomethingNew 3"),
    )
    assert (source.reviews, source.blocks_force_pushes, source.blocks_deletion) == (2, True, True)


def test_a_ruleset_that_does_not_say_who_passes_it_by_is_not_taken_to_say_nobody(
    github: GitHubServer,
) -> None:
    github.rulesets[7] = {"name": "main", "rules": [rule("deletion")]}
    assert known(forge(github).protection("main")).sources[0].bypass is None
    github.rulesets[7]["bypass_actors"] = []
    assert known(forge(github).protection("main")).sources[0].bypass == ()
    github.fail("GET /repos/acme/dhash/rulesets/7", 404)
    source = known(forge(github).protection("main")).sources[0]
    assert (source.name, source.bypass, source.blocks_deletion) == ("ruleset 7", None, True)


def test_a_branch_without_rules_has_none_and_one_that_is_not_there_is_unknown(github: GitHubServer) -> None:
    assert known(forge(github).protection("main")).sources == ()
    assert "GitHub shows nothing there (404)" in unknown(forge(github).protection("gone"))


def test_a_branch_with_a_slash_in_its_name_is_found(github: GitHubServer) -> None:
    github.branches["release/1"] = BASE
    github.classic["release/1"] = github.protect()
    assert known(forge(github).protection("release/1")).sources[0].reviews == 2


@pytest.mark.parametrize("status", [403, 404, 500, 418])
def test_a_classic_protection_that_cannot_be_read_is_told_and_not_taken_for_none(
    github: GitHubServer, status: int
) -> None:
    github.rulesets[7] = {"name": "main", "bypass_actors": [], "rules": [rule("deletion")]}
    github.fail("GET .*/branches/main/protection", status)
    rules = known(forge(github).protection("main"))
    assert [source.name for source in rules.sources] == ['ruleset "main" (7)']
    assert len(rules.unread) == 1
    found = {each.name: each.outcome for each in judge_protection(rules, SETTINGS)}
    assert found["deletion"] is Outcome.PASS
    assert found["reviews"] is Outcome.ERROR


def test_when_neither_source_can_be_read_the_whole_is_unknown(github: GitHubServer) -> None:
    github.fail("GET .*/branches/main/protection", 403)
    github.fail("GET .*/rules/branches/main", 403)
    assert "the protection of main: GitHub refuses it (403)" in unknown(forge(github).protection("main"))


def test_a_ruleset_of_a_form_that_makes_no_sense_is_told(github: GitHubServer) -> None:
    github.rulesets[7] = {"name": "main", "bypass_actors": [],
                          "rules": [rule("pull_request", required_approving_review_count="many")]}  # fmt: skip
    rules = known(forge(github).protection("main"))
    assert rules.sources == ()
    assert "makes no sense" in rules.unread[0].reason


def test_code_owners_are_read_where_they_must_approve(github: GitHubServer) -> None:
    github.files["docs/CODEOWNERS"] = "* @acme/ops\n"
    assert known(forge(github).protection("main")).code_owners_file == ""
    github.protect()
    assert known(forge(github).protection("main")).code_owners_file == "* @acme/ops\n"
    github.files[".github/CODEOWNERS"] = "* @acme/dev\n"
    assert known(forge(github).protection("main")).code_owners_file == "* @acme/dev\n"
    github.fail("GET .*/contents/.github/CODEOWNERS", 500)
    assert isinstance(known(forge(github).protection("main")).code_owners_file, Unknown)


# -- pull requests and reviews -------------------------------------------------------------------------------------


def test_the_pull_request_of_a_commit_is_the_one_that_it_is_head_or_merge_of(github: GitHubServer) -> None:
    github.open_pull(3, head="e" * 40)
    github.pulls_of["e" * 40] = [3]
    github.open_pull(7, merged=True)
    github.pulls_of[MERGE] = [3, 7]
    pull = Pull(7, HEAD, "ann", "main", True, MERGE, "https://github.com/acme/dhash/pull/7")
    assert known(forge(github).pull_of(MERGE)) == pull
    assert known(forge(github).pull_of(HEAD)) == pull
    assert known(forge(github).pull(7)) == pull
    assert forge(github).pull_of(BASE) is None


@pytest.mark.parametrize("commit", ["f" * 40, "abc", "", "main", "../../user", "a" * 39 + "/"])
def test_a_commit_that_github_does_not_know_or_that_is_none_is_unknown(
    github: GitHubServer, commit: str
) -> None:
    unknown(forge(github).pull_of(commit))
    unknown(forge(github).check_runs(commit))


def test_a_commit_that_was_not_pushed_is_to_be_pushed(github: GitHubServer) -> None:
    found = forge(github).check_runs("f" * 40)
    assert isinstance(found, Unknown)
    assert (found.reason, found.hint) == (
        "the checks of ffffffffffff: GitHub does not have this commit",
        "git push, and let its checks run",
    )


def test_of_two_pull_requests_with_one_head_the_one_that_was_turned_down_counts_last(
    github: GitHubServer,
) -> None:
    github.open_pull(7)
    github.open_pull(8)["state"] = "closed"
    pull = known(forge(github).pull_of(HEAD))
    assert pull is not None and (pull.number, pull.closed) == (7, False)
    github.pulls[7]["state"] = "closed"
    pull = known(forge(github).pull_of(HEAD))
    assert pull is not None and (pull.number, pull.closed) == (8, True)


def test_an_open_pull_request_has_no_merge_whatever_github_tries_out(github: GitHubServer) -> None:
    github.open_pull(7)
    assert known(forge(github).pull(7)).merge_commit == ""


def approvals(github: GitHubServer, settings: GitHubSettings = SETTINGS) -> Approvals:
    asked = forge(github, settings)
    found: Approvals = known(asked.approvals(known(asked.pull(7))))
    return found


def test_the_last_word_of_each_reviewer_counts_and_a_comment_is_none(github: GitHubServer) -> None:
    github.open_pull(7)
    github.approve(7, "bob", at="2026-11-20T10:00:00Z")
    github.approve(7, "bob", state="COMMENTED", at="2026-11-20T10:05:00Z")
    github.approve(7, "olga", at="2026-11-20T10:01:00Z")
    github.approve(7, "olga", state="CHANGES_REQUESTED", at="2026-11-20T10:02:00Z")
    github.approve(7, "cid", state="PENDING")
    github.approve(7, "dan", state="COMMENTED")
    found = {each.reviewer: each for each in approvals(github).reviews}
    assert set(found) == {"bob", "olga"}
    assert found["bob"] == Review(
        "bob", ReviewState.APPROVED, HEAD, "2026-11-20T10:00:00Z", False, True, False
    )
    assert (found["olga"].state, found["olga"].in_ops) == (ReviewState.CHANGES_REQUESTED, True)


def test_reviews_over_several_pages_are_all_read(github: GitHubServer) -> None:
    github.page_size = 2
    github.open_pull(7)
    for login in ("bob", "cid", "dan", "eve", "olga"):
        github.approve(7, login)
    assert len(approvals(github).reviews) == 5


@pytest.mark.parametrize(
    "link",
    [
        '<{}>; rel="next", <x>; rel="last"',
        "<{}>;rel=next",
        '<x>; rel="prev", <{}>; rel="last next"',
        "<{}>; Rel=Next",
    ],
)
def test_the_next_page_is_found_however_the_header_is_written(github: GitHubServer, link: str) -> None:
    github.open_pull(7)
    github.approve(7, "olga", state="CHANGES_REQUESTED")
    rest = f"{github.url}/repos/acme/dhash/pulls/7/reviews?page=1"
    github.fail("GET .*/reviews", 200, b"[]", headers={"Link": link.format(rest)}, times=1)
    assert [each.reviewer for each in approvals(github).reviews] == ["olga"]


def test_one_page_that_is_missing_makes_all_of_them_unknown(github: GitHubServer) -> None:
    github.page_size = 2
    github.open_pull(7)
    for login in ("bob", "cid", "olga"):
        github.approve(7, login)
    fault = github.fail("GET .*/reviews", 200, b"[]")
    fault.headers["Link"] = f'<{github.url}/repos/acme/dhash/gone?page=2>; rel="next"'
    asked = forge(github)
    assert "the reviews of pull request 7" in unknown(asked.approvals(known(asked.pull(7))))


def test_pages_without_end_are_not_read_for_ever(github: GitHubServer) -> None:
    github.open_pull(7)
    fault = github.fail("GET .*/reviews", 200, b"[]")
    fault.headers["Link"] = f'<{github.url}/repos/acme/dhash/pulls/7/reviews?page=2>; rel="next"'
    asked = forge(github)
    assert "more than 20 pages" in unknown(asked.approvals(known(asked.pull(7))))


def test_a_next_page_on_another_host_is_not_asked_for(github: GitHubServer) -> None:
    github.open_pull(7)
    github.fail("GET .*/reviews", 200, b"[]", headers={"Link": '<https://evil.example/x>; rel="next"'})
    asked = forge(github)
    assert "the token goes to" in unknown(asked.approvals(known(asked.pull(7))))


def test_machines_strangers_and_deleted_accounts_are_seen_as_such(github: GitHubServer) -> None:
    github.open_pull(7)
    github.approve(7, "helper[bot]", kind="Bot")
    github.approve(7, "stranger")
    github.permissions["stranger"] = "read"
    github.approve(7, None)  # type: ignore[arg-type]
    found = {each.reviewer: (each.is_bot, each.may_write) for each in approvals(github).reviews}
    assert found == {"helper[bot]": (True, None), "stranger": (False, False)}


def test_a_deleted_account_that_asked_for_changes_asks_for_them_still(github: GitHubServer) -> None:
    github.open_pull(7)
    github.approve(7, None, state="CHANGES_REQUESTED")  # type: ignore[arg-type]
    github.approve(7, None, state="CHANGES_REQUESTED")  # type: ignore[arg-type]
    github.approve(7, None, state="DISMISSED")  # type: ignore[arg-type]
    found = approvals(github)
    assert [each.reviewer for each in found.reviews] == ["a deleted account"] * 2
    by_name = {each.name: each.outcome for each in judge_approvals(found, SETTINGS)}
    assert by_name["changes requested"] is Outcome.FAIL


def test_a_review_without_a_time_makes_all_of_it_unknown(github: GitHubServer) -> None:
    github.open_pull(7)
    github.approve(7, "bob")
    github.reviews[7].append(github.reviews[7][0] | {"state": "CHANGES_REQUESTED", "submitted_at": None})
    asked = forge(github)
    assert "nobody knows which word was the last" in unknown(asked.approvals(known(asked.pull(7))))


def test_a_ruleset_that_only_watches_demands_nothing(github: GitHubServer) -> None:
    rules = json.dumps([rule("deletion") | {"ruleset_id": 7}]).encode()
    github.rulesets[7] = {
        "name": "main",
        "bypass_actors": [],
        "rules": [rule("deletion")],
        "enforcement": "evaluate",
    }
    assert known(forge(github).protection("main")).sources == ()
    github.fail("GET .*/rules/branches/main", 200, rules)  # as one that was switched off a moment ago
    found = known(forge(github).protection("main"))
    assert "it is not active: evaluate" in found.unread[0].reason
    by_name = {each.name: each.outcome for each in judge_protection(found, SETTINGS)}
    assert by_name["deletion"] is Outcome.ERROR


def test_statuses_that_are_announced_and_do_not_come_are_unknown(github: GitHubServer) -> None:
    github.fail("GET .*/status", 200, b'{"total_count": 2, "statuses": []}')
    assert "2 statuses are announced, 0 came" in unknown(forge(github).check_runs(HEAD))


def test_authors_are_who_opened_it_and_who_made_its_newest_commit(github: GitHubServer) -> None:
    github.open_pull(7)
    github.commits[HEAD]["author"] = user("cid")
    github.commits[HEAD]["committer"] = user("web-flow")
    assert approvals(github).authors == ("ann", "cid")
    github.commits[HEAD]["author"] = None
    assert approvals(github).authors == ("ann",)


def test_rights_and_members_that_are_not_shown_are_unknown_and_not_no(github: GitHubServer) -> None:
    github.open_pull(7)
    github.approve(7, "bob")
    github.fail("GET .*/collaborators/bob/permission", 403)
    github.fail("GET /orgs/acme/teams/ops/members", 404)
    found = approvals(github)
    assert (found.reviews[0].may_write, found.reviews[0].in_ops) == (None, None)
    assert "the team acme/ops" in found.ops_unknown


def test_people_may_be_named_instead_of_a_team(github: GitHubServer) -> None:
    github.open_pull(7)
    github.approve(7, "Bob")
    named = approvals(github, replace(SETTINGS, ops_team="", ops_reviewers=("bob",)))
    assert (named.reviews[0].in_ops, named.ops, named.ops_unknown) == (True, "bob", "")
    nobody = approvals(github, GitHubSettings())
    assert (nobody.reviews[0].in_ops, nobody.ops_unknown) == (None, "nobody said who is of operations")


def test_a_review_of_a_kind_that_is_not_known_makes_all_of_it_unknown(github: GitHubServer) -> None:
    github.open_pull(7)
    github.approve(7, "bob", state="HALF_APPROVED")
    asked = forge(github)
    assert "there is a review that is 'HALF_APPROVED'" in unknown(asked.approvals(known(asked.pull(7))))


def test_checks_and_commit_statuses_are_read_together(github: GitHubServer) -> None:
    github.run(HEAD, "ci/test")
    github.run(HEAD, "slow", None)
    github.statuses[HEAD] = [{"context": "old", "state": "success"}, {"context": "waits", "state": "pending"}]
    found = {each.name: each.conclusion for each in known(forge(github).check_runs(HEAD))}
    assert found == {"ci/test": "success", "slow": "", "old": "success", "waits": ""}
    assert known(forge(github).check_runs(BASE)) == ()


def test_checks_that_are_announced_and_do_not_come_are_unknown(github: GitHubServer) -> None:
    github.fail("GET .*/check-runs", 200, b'{"total_count": 2, "check_runs": []}')
    assert "2 checks are announced, 0 came" in unknown(forge(github).check_runs(HEAD))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]x", b"<html>", b'{"message": "Not', b"\xff\xfe", b"[1]", b"[" * 9999]
)
def test_an_answer_that_makes_no_sense_is_unknown_everywhere(github: GitHubServer, body: bytes) -> None:
    github.open_pull(7)
    github.fail(".*", 200, body or b" ")
    asked = forge(github)
    for found in (
        asked.protection("main"),
        asked.pull(7),
        asked.pull_of(HEAD),
        asked.check_runs(HEAD),
        asked.approvals(Pull(7, HEAD, "ann", "main")),
        asked.comment(7, "<!-- m -->", "<!-- m -->\nx"),
        asked.classic("main"),
    ):
        unknown(found)


@pytest.mark.parametrize("fault", [{"cut": True}, {"hang_s": 1.5}, {"status": 503}])
def test_an_answer_that_does_not_come_whole_or_in_time_is_unknown(
    github: GitHubServer, fault: dict[str, Any]
) -> None:
    github.open_pull(7)
    github.fail("GET", **fault)
    line = Line(github.url, TOKEN, timeout_s=0.3, now=time.time, wait=lambda _: None, patience_s=0.0)
    unknown(GitHub(line, "acme/dhash", SETTINGS).pull(7))


def test_a_whole_good_branch_passes_over_the_line(github: GitHubServer) -> None:
    github.protect()
    github.files["CODEOWNERS"] = "* @acme/ops\n"
    rules = forge(github).protection("main")
    assert isinstance(rules, BranchRules)
    assert {each.outcome for each in judge_protection(rules, SETTINGS)} == {Outcome.PASS}
    assert github.tokens == {f"Bearer {TOKEN}"}
