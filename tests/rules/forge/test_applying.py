"""What is sent to make a protection stricter: never weaker than what is there, and undone by the same form."""

from __future__ import annotations

from dataclasses import replace

from github_answers import protection
from mobius.model.forge import GitHubSettings
from mobius.rules.forge.applying import body_of, difference, missing_in, strengthened

WANTED = GitHubSettings(ops_team="ops")


def test_nothing_becomes_everything_that_is_demanded() -> None:
    body = strengthened(None, WANTED)
    assert body == {
        "required_status_checks": {
            "strict": False,
            "checks": [{"context": name} for name in WANTED.contexts],
        },
        "enforce_admins": True,
        "required_pull_request_reviews": {
            "dismiss_stale_reviews": True,
            "require_code_owner_reviews": True,
            "require_last_push_approval": True,
            "required_approving_review_count": 2,
        },
        "restrictions": None,
        "allow_force_pushes": False,
        "allow_deletions": False,
    }


def test_what_is_stricter_already_stays() -> None:
    reviews = {"required_approving_review_count": 4, "dismissal_restrictions": {"teams": ["ops"]}}
    there = protection(contexts=["ci/lint"], reviews=reviews, lock_branch={"enabled": True})
    body = strengthened(body_of(there), WANTED)
    assert body["required_pull_request_reviews"]["required_approving_review_count"] == 4
    assert body["required_pull_request_reviews"]["dismissal_restrictions"]["teams"] == ["ops"]
    assert body["lock_branch"] is True
    assert body["required_status_checks"]["strict"] is True
    assert body["required_status_checks"]["checks"][0] == {"context": "ci/lint", "app_id": 15368}


def test_a_demand_that_is_switched_off_takes_nothing_away() -> None:
    body = strengthened(body_of(protection()), replace(WANTED, code_owners=False, reviews=1))
    assert body["required_pull_request_reviews"]["require_code_owner_reviews"] is True
    assert body["required_pull_request_reviews"]["required_approving_review_count"] == 2


def test_who_may_pass_reviews_by_goes_unless_it_is_allowed() -> None:
    passing = {"users": ["bob"], "teams": ["release"], "apps": ["deploybot"]}
    there = protection(reviews={"bypass_pull_request_allowances": passing})
    body = strengthened(body_of(there), replace(WANTED, may_bypass=("team release",)))
    allowed = body["required_pull_request_reviews"]["bypass_pull_request_allowances"]
    assert allowed == {"users": [], "teams": ["release"], "apps": []}


def test_what_meets_everything_is_left_as_it_is() -> None:
    body = body_of(protection())
    assert difference(body, strengthened(body, WANTED)) == ()


def test_putting_back_sends_what_was_answered() -> None:
    before = protection(contexts=["a"], reviews=None, admins=False, apps={"a": None})
    assert body_of(before) == {
        "required_status_checks": {"strict": True, "checks": [{"context": "a", "app_id": -1}]},
        "enforce_admins": False,
        "required_pull_request_reviews": None,
        "restrictions": None,
        **dict.fromkeys(
            (
                "required_linear_history",
                "allow_force_pushes",
                "allow_deletions",
                "block_creations",
                "required_conversation_resolution",
                "lock_branch",
                "allow_fork_syncing",
            ),
            False,
        ),
    }
    assert body_of(None) is None


def test_a_difference_is_one_line_a_value() -> None:
    before = body_of(protection(contexts=["a"], reviews=None, admins=False))
    after = strengthened(before, replace(WANTED, contexts=("b",)))
    assert difference(before, after) == (
        "enforce_admins: false -> true",
        "required_status_checks.checks.b: none -> of the app that reports it",
        "required_pull_request_reviews.dismiss_stale_reviews: none -> true",
        "required_pull_request_reviews.require_code_owner_reviews: none -> true",
        "required_pull_request_reviews.require_last_push_approval: none -> true",
        "required_pull_request_reviews.required_approving_review_count: none -> 2",
    )


def test_an_app_that_github_bound_a_check_to_is_no_difference_and_a_lost_check_is() -> None:
    sent = strengthened(None, replace(WANTED, contexts=("a", "b")))
    holds = {
        **sent,
        "required_status_checks": {"strict": False, "checks": [{"context": "a", "app_id": 15368}]},
    }
    assert missing_in(holds, sent) == ("required_status_checks.checks.b: of any app -> none",)


def test_administrators_who_may_pass_by_are_not_let_loose_where_they_were_held() -> None:
    allowed = replace(WANTED, may_bypass=("administrators",))
    assert strengthened(body_of(protection()), allowed)["enforce_admins"] is True
    assert strengthened(body_of(protection(admins=False)), allowed)["enforce_admins"] is False
