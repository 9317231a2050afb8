"""`mobius github`: what a person sees, the exit codes, the way back, and a token that shows up nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from github_server import HEAD, TOKEN, GitHubServer
from mobius.cli.main import run
from mobius.model.seen import Note
from mobius.wiring import open_app

CONFIG = """service = "dhash"
[github]
ops_team = "ops"
[[process]]
name = "api"
kind = "web"
start = ["true"]
[environments.production]
url = "http://127.0.0.1:5001"
"""
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, github: GitHubServer, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command line beside a mobius.toml; (exit code, stdout, stderr). The token is in neither, nor in a file."""
    config = tmp_path / "mobius.toml"
    config.write_text(CONFIG)

    def made(*words: str, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
        obj = {"config": config, "environ": github.env if environ is None else environ}
        code = run(["github", *words], obj)
        told = capsys.readouterr()
        kept = "".join(each.read_text() for each in (tmp_path / ".mobius").rglob("*.json"))
        assert TOKEN not in told.out + told.err + kept
        return code, told.out, told.err

    return made


def bad(github: GitHubServer) -> None:
    """The protection that was found in the wild: no review, nothing for administrators, six checks of other names."""
    named = ["build", "lint", "test (18)", "test (20)", "docs", "premerge"]
    github.protect(contexts=named, reviews=None, admins=False)


def good(github: GitHubServer) -> None:
    github.protect()
    github.files[".github/CODEOWNERS"] = "* @acme/ops\n"


def test_the_protection_that_was_found_in_the_wild_fails_with_each_reason(
    call: Call, github: GitHubServer
) -> None:
    bad(github)
    code, out, err = call("protection", "check")
    assert code == 3
    assert (
        out
        == """acme/dhash, branch main: classic protection
  FAIL   required check ci/premerge-validation: a merge does not need
         ci/premerge-validation: it needs build, lint, test (18), test (20),
         docs, premerge
         cure: mobius github protection apply
  FAIL   required check golden-checks-ubuntu: a merge does not need
         golden-checks-ubuntu: it needs build, lint, test (18), test (20), docs,
         premerge
         cure: mobius github protection apply
  FAIL   required check golden-checks-macos: a merge does not need
         golden-checks-macos: it needs build, lint, test (18), test (20), docs,
         premerge
         cure: mobius github protection apply
  FAIL   required check golden-checks-windows: a merge does not need
         golden-checks-windows: it needs build, lint, test (18), test (20),
         docs, premerge
         cure: mobius github protection apply
  FAIL   reviews: a merge needs fewer than 2 approvals: it needs 0
         cure: mobius github protection apply
  FAIL   code owners: code owners need not approve
         cure: mobius github protection apply
  FAIL   stale reviews: approvals outlive new commits
         cure: mobius github protection apply
  FAIL   last push: whoever pushed last may approve that alone
         cure: mobius github protection apply
  ok     force pushes: demanded by classic protection
  ok     deletion: demanded by classic protection
  FAIL   operations review: no rule makes every change need an approval of
         operations
         cure: begin .github/CODEOWNERS with "* @acme/ops", or demand it in a ruleset
  FAIL   administrators: administrators pass classic protection by
         cure: mobius github protection apply
  ok     bypass: nobody else may pass rules by
"""
    )
    assert err == "next: mobius github protection apply\n"


def test_a_good_protection_passes_and_says_so_in_every_form(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    good(github)
    junit, sarif = tmp_path / "out" / "p.xml", tmp_path / "out" / "p.sarif"
    code, out, _ = call("protection", "check", "--json", "--junit", str(junit), "--sarif", str(sarif))
    told = json.loads(out)
    assert (code, told["schema_version"], told["outcome"], told["branch"]) == (0, 1, "PASS", "main")
    assert told["sources"] == ["classic protection"]
    assert 'failures="0" errors="0"' in junit.read_text()
    assert json.loads(sarif.read_text())["runs"][0]["results"] == []


@pytest.mark.parametrize(
    ("matching", "status"),
    [(".*", 403), (".*", 404), (".*", 401), (".*", 500), ("GET .*/branches/main$", 404)],
)
def test_what_github_does_not_show_is_exit_4(
    call: Call, github: GitHubServer, matching: str, status: int
) -> None:
    good(github)
    github.fail(matching, status)
    code, out, err = call("protection", "check")
    assert code == 4
    assert "  ERROR  protection: the branch main: " in out
    assert "cure: " in out and err


def test_apply_shows_the_difference_and_changes_nothing_in_a_dry_run(
    call: Call, github: GitHubServer
) -> None:
    bad(github)
    code, out, err = call("protection", "apply", "--dry-run")
    assert code == 0
    assert "  enforce_admins: false -> true\n" in out
    assert "required_pull_request_reviews.required_approving_review_count: none -> 2\n" in out
    assert err == "nothing was changed; do it: mobius github protection apply\n"
    assert {method for method, _ in github.asked} == {"GET"}


def test_apply_asks_and_without_a_terminal_wants_a_yes(call: Call, github: GitHubServer) -> None:
    bad(github)
    code, _, err = call("protection", "apply")
    assert code == 2
    assert "There is no terminal to ask." in err
    assert {method for method, _ in github.asked} == {"GET"}


def test_apply_proves_what_holds_and_undo_puts_back_what_was_there(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    bad(github)
    github.files["CODEOWNERS"] = "* @acme/ops\n"
    before = github.classic["main"]
    code, out, err = call("protection", "apply", "--yes")
    assert code == 0
    assert "FAIL" not in out.partition("acme/dhash, branch main")[2]
    assert set(github.classic["main"]["required_status_checks"]["contexts"]) > {
        "build",
        "ci/premerge-validation",
    }
    (kept,) = (tmp_path / ".mobius" / "github").iterdir()
    assert err == f"take it back: mobius github protection apply --undo {kept}\n"
    assert call("protection", "apply", "--yes")[1].startswith("nothing to change in the classic protection\n")
    code, _, _ = call("protection", "apply", "--undo", str(kept), "--yes")
    assert (code, github.classic["main"]) == (0, before)


def test_undo_takes_away_a_protection_where_none_was_before(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    assert call("protection", "apply", "--yes")[0] == 3  # nobody owns the code yet
    (kept,) = (tmp_path / ".mobius" / "github").iterdir()
    assert call("protection", "apply", "--undo", str(kept), "--yes")[0] == 0
    assert github.classic == {}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"schema_version": 2}', '{"schema_version": 1, "branch": "main"}', "null", "[" * 9999],
)
def test_undo_refuses_another_file(call: Call, tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(text)
    code, _, err = call("protection", "apply", "--undo", str(file), "--yes")
    assert code == 2
    assert "the file is no protection that mobius kept" in err


def test_undo_refuses_a_file_of_another_repository(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text('{"schema_version": 1, "repository": "acme/x", "branch": "main", "classic": null}')
    code, _, err = call("protection", "apply", "--undo", str(file), "--yes")
    assert (code, "the file is of acme/x, and this is acme/dhash" in err) == (2, True)


def test_a_change_that_github_does_not_hold_is_told_with_the_way_back(
    call: Call, github: GitHubServer
) -> None:
    bad(github)
    github.fail("PUT", 200)  # it says yes, and does nothing
    code, _, err = call("protection", "apply", "--yes")
    assert code == 1
    assert "GitHub holds something else than it was given" in err
    assert "enforce_admins: true -> false" in err
    assert "put back what was there: mobius github protection apply --undo" in err


def test_a_change_that_is_refused_or_cannot_be_read_back_is_exit_4(call: Call, github: GitHubServer) -> None:
    bad(github)
    github.fail("PUT", 403, b'{"message": "Resource not accessible by personal access token"}', times=1)
    code, _, err = call("protection", "apply", "--yes")
    assert (code, "it is not known what holds now" in err) == (4, True)


def test_somebody_who_changes_it_at_the_same_time_is_not_overwritten(
    call: Call, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobius.cli import github_protection

    bad(github)

    def meanwhile(*_: Any, **__: Any) -> None:
        github.protect(contexts=["theirs"])

    monkeypatch.setattr(github_protection, "confirm", meanwhile)
    code, _, err = call("protection", "apply")
    assert (code, "somebody else has just changed the protection of main" in err) == (1, True)
    assert github.classic["main"]["required_status_checks"]["contexts"] == ["theirs"]


def test_without_a_repository_it_says_what_to_set(call: Call) -> None:
    code, out, _ = call("protection", "check", environ={})
    assert code == 4
    assert "nothing says which repository on GitHub this is" in out
    assert "set github.repository in mobius.toml" in out


# -- the comment ---------------------------------------------------------------------------------------------------


def test_the_comment_is_kept_up_to_date_without_secrets(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    github.open_pull(7)
    summary = tmp_path / "summary.md"
    summary.write_text(f"# It failed\n{TOKEN}\n")
    assert call("comment", "--pr", "7", "--file", str(summary))[0] == 0
    summary.write_text("# It passed\n")
    code, out, _ = call("comment", "--pr", "7", "--file", str(summary), "--commit", HEAD, "--json")
    told = json.loads(out)
    assert (code, told["event"], told["created"]) == (0, "github_comment", False)
    (made,) = github.comments[7]
    assert made["body"] == "<!-- mobius dhash premerge -->\n# It passed\n"


def test_the_head_of_the_audit_log_goes_out_with_the_comment(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    journal = open_app(tmp_path / "mobius.toml", environ={}).journal("production", read_only=False)
    journal.say(None, "production", Note("frozen", "for the test"), now=1000.0)
    head = journal.head()
    assert head is not None
    github.open_pull(7)
    (tmp_path / "s.md").write_text("text")
    assert call("comment", "--pr", "7", "--file", str(tmp_path / "s.md"))[0] == 0
    said = f"<sub>audit log production `{head}`</sub>\n"
    assert github.comments[7][0]["body"] == f"<!-- mobius dhash premerge -->\ntext\n\n{said}"


def test_a_secret_is_taken_out_before_the_text_is_cut(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    github.open_pull(7)
    summary = tmp_path / "summary.md"
    summary.write_text(("x" * 60 + f" {TOKEN}\n") * 1000)
    assert call("comment", "--pr", "7", "--file", str(summary))[0] == 0
    body = github.comments[7][0]["body"]
    assert len(body) <= 65_536
    assert TOKEN[:12] not in body
    assert "**Cut here:" in body


def test_a_comment_for_a_commit_that_is_not_the_head_is_not_written(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    github.open_pull(7)
    (tmp_path / "s.md").write_text("text")
    code, _, err = call("comment", "--pr", "7", "--file", str(tmp_path / "s.md"), "--commit", "f" * 40)
    assert (code, "is not the head of pull request 7" in err) == (3, True)
    assert github.comments == {}


def test_a_dry_run_prints_the_comment_and_sends_nothing(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    (tmp_path / "s.md").write_text("text")
    code, out, _ = call("comment", "--pr", "7", "--file", str(tmp_path / "s.md"), "--dry-run")
    assert (code, out, github.asked) == (0, "<!-- mobius dhash premerge -->\ntext\n", [])


@pytest.mark.parametrize("content", [None, b"", b"  \n"])
def test_a_file_that_is_empty_or_gone_is_a_mistake(call: Call, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "s.md").write_bytes(content)
    assert call("comment", "--pr", "7", "--file", str(tmp_path / "s.md"))[0] == 2


def test_a_comment_that_github_does_not_take_is_exit_4(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    github.open_pull(7)
    (tmp_path / "s.md").write_text("text")
    github.fail("POST", 403, b'{"message": "Resource not accessible by integration"}')
    code, _, err = call("comment", "--pr", "7", "--file", str(tmp_path / "s.md"))
    assert (code, "GitHub refuses it (403)" in err) == (4, True)


def test_a_token_that_lies_in_a_file_is_taken_out_of_the_comment_too(
    call: Call, github: GitHubServer, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    config = tmp_path / "mobius.toml"
    config.write_text(CONFIG.replace("[github]", '[github]\ntoken_file = "token"'))
    github.open_pull(7)
    (tmp_path / "s.md").write_text(f"it printed {TOKEN}")
    environ = {name: value for name, value in github.env.items() if name != "GITHUB_TOKEN"}
    assert call("comment", "--pr", "7", "--file", str(tmp_path / "s.md"), environ=environ)[0] == 0
    assert "it printed «redacted»" in github.comments[7][0]["body"]
    assert github.tokens == {f"Bearer {TOKEN}"}
