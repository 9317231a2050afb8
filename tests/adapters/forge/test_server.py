"""The GitHub on loopback answers as GitHub's published schema says: GitHubKit, which is made of it, reads all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from githubkit import GitHub

from github_server import HEAD, MERGE, GitHubServer
from mobius.model.forge import GitHubSettings
from mobius.rules.forge.ruleset import demanded

WHERE = {"owner": "acme", "repo": "dhash"}


@pytest.fixture
def rest(github: GitHubServer) -> Iterator[Any]:
    with GitHub(base_url=github.url, auto_retry=False, http_cache=False) as client:
        yield client.rest("2022-11-28")


def test_a_pull_request_with_its_reviews_commits_and_checks_is_read_by_the_schema(
    github: GitHubServer, rest: Any
) -> None:
    github.open_pull(7, merged=True)
    github.approve(7, "olga")
    github.run(HEAD, "ci/premerge-validation")
    github.statuses[HEAD] = [{"context": "old-ci", "state": "success"}]
    pull = rest.pulls.get(**WHERE, pull_number=7).parsed_data
    assert (pull.number, pull.head.sha, pull.merge_commit_sha, pull.user.login) == (7, HEAD, MERGE, "ann")
    assert rest.pulls.list_reviews(**WHERE, pull_number=7).parsed_data[0].state == "APPROVED"
    assert rest.repos.get_commit(**WHERE, ref=HEAD).parsed_data.author.login == "ann"
    listed = rest.repos.list_pull_requests_associated_with_commit(**WHERE, commit_sha=MERGE).parsed_data
    assert [each.number for each in listed] == [7]
    assert rest.checks.list_for_ref(**WHERE, ref=HEAD).parsed_data.check_runs[0].conclusion == "success"
    assert (
        rest.repos.get_combined_status_for_ref(**WHERE, ref=HEAD).parsed_data.statuses[0].context == "old-ci"
    )


def test_the_rules_of_a_branch_are_read_by_the_schema(github: GitHubServer, rest: Any) -> None:
    allowances = {"users": ["bob"], "teams": ["release"], "apps": ["deploybot"]}
    github.protect(reviews={"dismiss_stale_reviews": True, "require_code_owner_reviews": False,
                            "bypass_pull_request_allowances": allowances})  # fmt: skip
    actor = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    github.rulesets[3] = {"name": "main", "bypass_actors": [actor],
                          "rules": [{"type": "deletion"}, {"type": "non_fast_forward"},
                                    {"type": "required_status_checks", "parameters": {
                                        "required_status_checks": [{"context": "ci/test", "integration_id": 15368}],
                                        "strict_required_status_checks_policy": True}},
                                    {"type": "pull_request", "parameters": {
                                        "required_approving_review_count": 2, "require_code_owner_review": True,
                                        "dismiss_stale_reviews_on_push": True, "require_last_push_approval": True,
                                        "required_review_thread_resolution": False,
                                        "required_reviewers": [{"file_patterns": ["*"], "minimum_approvals": 1,
                                                                "reviewer": {"id": 4, "type": "Team"}}]}}]}  # fmt: skip
    assert rest.repos.get_branch(**WHERE, branch="main").parsed_data.protected
    said = rest.repos.get_branch_protection(**WHERE, branch="main").parsed_data
    assert said.required_pull_request_reviews.bypass_pull_request_allowances.users[0].login == "bob"
    assert said.required_status_checks.contexts[0] == "ci/premerge-validation"
    rules = rest.repos.get_branch_rules(**WHERE, branch="main").parsed_data
    assert [each.type for each in rules] == [rule["type"] for rule in github.rulesets[3]["rules"]]
    ruleset = rest.repos.get_repo_ruleset(**WHERE, ruleset_id=3).parsed_data
    assert (ruleset.name, ruleset.bypass_actors[0].actor_type) == ("main", "RepositoryRole")


def test_people_and_comments_are_read_by_the_schema(github: GitHubServer, rest: Any) -> None:
    github.open_pull(7)
    github.permissions["olga"] = "write"
    assert (
        rest.repos.get_collaborator_permission_level(**WHERE, username="olga").parsed_data.permission
        == "write"
    )
    assert rest.teams.get_by_name(org="acme", team_slug="ops").parsed_data.slug == "ops"
    assert rest.teams.list_members_in_org(org="acme", team_slug="ops").parsed_data[0].login == "olga"
    made = rest.issues.create_comment(**WHERE, issue_number=7, body="one").parsed_data
    assert rest.issues.update_comment(**WHERE, comment_id=made.id, body="two").parsed_data.body == "two"
    assert [each.body for each in rest.issues.list_comments(**WHERE, issue_number=7).parsed_data] == ["two"]
    rest.issues.delete_comment(**WHERE, comment_id=made.id)
    assert github.comments[7] == []


def test_a_protection_that_is_put_is_accepted_and_read_by_the_schema(github: GitHubServer, rest: Any) -> None:
    rest.repos.update_branch_protection(
        **WHERE,
        branch="main",
        data={
            "required_status_checks": {"strict": True, "contexts": [], "checks": [{"context": "ci/test"}]},
            "enforce_admins": True,
            "required_pull_request_reviews": {"required_approving_review_count": 2},
            "restrictions": None,
        },
    )
    said = rest.repos.get_branch_protection(**WHERE, branch="main").parsed_data
    assert (said.enforce_admins.enabled, said.required_status_checks.contexts) == (True, ["ci/test"])


def test_the_ruleset_that_apply_writes_is_one_by_the_schema(github: GitHubServer, rest: Any) -> None:
    body = dict(demanded(None, GitHubSettings()))
    made = rest.repos.create_repo_ruleset(**WHERE, data=body).parsed_data
    assert (made.name, made.enforcement) == ("mobius", "active")
    assert [each.id for each in rest.repos.get_repo_rulesets(**WHERE).parsed_data] == [made.id]
    again = rest.repos.update_repo_ruleset(**WHERE, ruleset_id=made.id, data=body).parsed_data
    kinds = {each.type for each in again.rules}
    assert kinds == {"deletion", "non_fast_forward", "pull_request", "required_status_checks"}
    assert len(rest.repos.get_branch_rules(**WHERE, branch="main").parsed_data) == 4
    rest.repos.delete_repo_ruleset(**WHERE, ruleset_id=made.id)
    assert github.rulesets == {}
