"""`mobius github protection apply` where the branch has rulesets: one of our own, and the way back from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.test_github_command import Call
from cli.test_github_command import call as call
from github_server import GitHubServer

THEIRS = {"name": "theirs", "bypass_actors": [], "rules": [{"type": "deletion"}], "branches": ["main"]}


@pytest.fixture(autouse=True)
def with_rulesets(github: GitHubServer) -> None:
    """The repository uses rulesets, and lacks nearly everything."""
    github.rulesets[3] = json.loads(json.dumps(THEIRS))
    github.files["CODEOWNERS"] = "* @acme/ops\n"


def ours(github: GitHubServer) -> dict[str, object]:
    (found,) = [each for each in github.rulesets.values() if each["name"] == "mobius"]
    return dict(found)


def test_a_ruleset_of_our_own_is_made_and_taken_away_again(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    code, out, err = call("protection", "apply", "--dry-run")
    assert code == 0 and out.startswith('the ruleset "mobius" of main in acme/dhash:\n')
    assert "  rules.pull_request.required_approving_review_count: none -> 2\n" in out
    assert list(github.rulesets) == [3]

    code, out, err = call("protection", "apply", "--yes")
    assert (code, github.classic) == (0, {}), out
    assert github.rulesets[3] == THEIRS and ours(github)["enforcement"] == "active"
    (kept,) = (tmp_path / ".mobius" / "github").iterdir()
    assert err == f"take it back: mobius github protection apply --undo {kept}\n"
    assert call("protection", "check")[0] == 0
    assert call("protection", "apply", "--yes")[1].startswith('nothing to change in the ruleset "mobius"\n')

    assert call("protection", "apply", "--undo", str(kept), "--yes")[0] == 0
    assert github.rulesets == {3: THEIRS}


def test_what_is_stricter_in_it_already_stays_and_undo_puts_it_back(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    reviews = {"required_approving_review_count": 4, "required_review_thread_resolution": True}
    rules = [{"type": "pull_request", "parameters": reviews}, {"type": "required_signatures"}]
    refs = {"ref_name": {"include": ["refs/heads/main"], "exclude": []}}
    before = {"name": "mobius", "enforcement": "evaluate", "bypass_actors": [], "conditions": refs,
              "rules": rules, "branches": ["main"]}  # fmt: skip
    github.rulesets[9] = json.loads(json.dumps(before))
    code, out, err = call("protection", "apply", "--yes")
    assert code == 0, out + err
    held = {rule["type"]: rule.get("parameters", {}) for rule in github.rulesets[9]["rules"]}
    assert held["pull_request"]["required_approving_review_count"] == 4
    assert held["pull_request"]["required_review_thread_resolution"] is True
    assert "required_signatures" in held and github.rulesets[9]["enforcement"] == "active"
    (kept,) = (tmp_path / ".mobius" / "github").iterdir()
    assert call("protection", "apply", "--undo", str(kept), "--yes")[0] == 0
    assert github.rulesets[9] == before


def test_classic_protection_is_written_where_it_is_asked_for(call: Call, github: GitHubServer) -> None:
    assert call("protection", "apply", "--as", "classic", "--yes")[0] == 0
    assert "main" in github.classic and list(github.rulesets) == [3]


def test_one_that_github_does_not_hold_is_told_with_the_way_back(call: Call, github: GitHubServer) -> None:
    github.fail("POST", 201, b"{}")  # it says yes, and does nothing
    code, _, err = call("protection", "apply", "--yes")
    assert code == 1 and "GitHub holds something else than it was given" in err
    assert "--undo" in err


def test_one_that_is_refused_is_exit_4(call: Call, github: GitHubServer) -> None:
    github.fail("POST", 422, b'{"message": "Validation Failed"}')
    code, _, err = call("protection", "apply", "--yes")
    assert code == 4 and "GitHub refuses this ruleset: Validation Failed" in err


@pytest.mark.parametrize(
    "answer",
    [
        b"[",
        b'{"message": "no"}',
        b'{"id": 9, "name": "mobius", "enforcement": "active", "rules": 7}',
        b'{"id": 9, "name": "mobius", "enforcement": "active", "rules": [{"parameters": {}}]}',
        b'{"id": 9, "name": "mobius", "enforcement": "active", "rules": [{"type": "pull_request", "parameters": 7}]}',
        b'{"id": 9, "name": "mobius", "enforcement": "active", "rules": [{"type": "required_status_checks",'
        b' "parameters": {"required_status_checks": [7]}}]}',
        b'{"id": 9, "name": "mobius", "enforcement": "active", "rules": [{"type": "pull_request",'
        b' "parameters": {"required_approving_review_count": "many"}}]}',
    ],
)
def test_an_answer_that_makes_no_sense_changes_nothing(
    call: Call, github: GitHubServer, answer: bytes
) -> None:
    github.rulesets[9] = {"name": "mobius", "rules": [], "branches": ["main"]}
    github.fail("GET .*/rulesets/9", 200, answer)
    code, _, err = call("protection", "apply", "--yes")
    assert code == 4 and err
    assert {method for method, _ in github.asked} == {"GET"}


@pytest.mark.parametrize("ruleset", [7, [], {"rules": 7}, {"rules": [7]}, {"rules": [{"type": []}]}])
def test_undo_refuses_a_file_that_says_no_ruleset(call: Call, tmp_path: Path, ruleset: object) -> None:
    file = tmp_path / "file.json"
    told = {"schema_version": 1, "repository": "acme/dhash", "branch": "main", "ruleset": ruleset}
    file.write_text(json.dumps(told))
    code, _, err = call("protection", "apply", "--undo", str(file), "--yes")
    assert code == 2 and "the file is no protection that mobius kept" in err
