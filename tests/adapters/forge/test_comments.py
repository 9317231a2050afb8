"""One comment, however often and by however many it is written, and never one that a stranger can change."""

from __future__ import annotations

import threading
import time
from typing import Any

from github_answers import comment, user
from github_server import TOKEN, GitHubServer
from mobius.adapters.forge.github import GitHub
from mobius.adapters.forge.line import Line
from mobius.model.forge import Comment, GitHubSettings, Unknown

MARKER = "<!-- mobius dhash premerge -->"


def forge(github: GitHubServer) -> GitHub:
    line = Line(github.url, TOKEN, timeout_s=5.0, now=time.time, wait=lambda _: None)
    return GitHub(line, "acme/dhash", GitHubSettings())


def say(github: GitHubServer, text: str) -> Comment:
    made = forge(github).comment(7, MARKER, f"{MARKER}\n{text}")
    assert isinstance(made, Comment), made
    return made


def texts(github: GitHubServer) -> list[str]:
    return [each["body"].removeprefix(f"{MARKER}\n") for each in github.comments.get(7, [])]


def theirs(github: GitHubServer, body: str, author: Any) -> None:
    github.comments.setdefault(7, []).append(comment(github.next_id(), 7, author, body))


def test_a_comment_is_written_once_and_changed_from_then_on(github: GitHubServer) -> None:
    github.open_pull(7)
    first = say(github, "one")
    second = say(github, "two")
    assert (first.created, second.created, first.number) == (True, False, second.number)
    assert texts(github) == ["two"]


def test_it_is_found_among_more_than_a_page_of_others(github: GitHubServer) -> None:
    github.page_size = 3
    github.open_pull(7)
    for number in range(5):
        theirs(github, f"talk {number}", user("ann"))
    say(github, "one")
    theirs(github, "more talk", user("ann"))
    assert say(github, "two").created is False
    assert texts(github)[5] == "two"
    assert len(texts(github)) == 7


def test_a_comment_of_somebody_else_with_our_mark_is_left_alone(github: GitHubServer) -> None:
    github.open_pull(7)
    theirs(github, f"{MARKER}\nall is well", user("mallory"))
    assert say(github, "it failed").created is True
    assert texts(github) == ["all is well", "it failed"]


def test_a_token_of_a_person_takes_only_the_comments_of_that_person_for_its_own(github: GitHubServer) -> None:
    github.open_pull(7)
    github.me, github.me_is_known = user("olga"), True
    theirs(github, f"{MARKER}\nby a machine", user("other[bot]", kind="Bot"))
    assert say(github, "one").created is True
    assert say(github, "two").created is False
    assert texts(github) == ["by a machine", "two"]


def test_a_mark_in_the_middle_of_a_text_is_no_mark(github: GitHubServer) -> None:
    github.open_pull(7)
    theirs(github, f"see {MARKER}", github.me)
    assert say(github, "one").created is True


def test_several_of_ours_become_one(github: GitHubServer) -> None:
    github.open_pull(7)
    for number in range(3):
        theirs(github, f"{MARKER}\n{number}", github.me)
    say(github, "new")
    assert texts(github) == ["new"]


def test_two_at_once_leave_one(github: GitHubServer) -> None:
    github.open_pull(7)
    both_see_none = threading.Barrier(2)
    github.fail("GET .*/issues/7/comments", together=both_see_none, times=2)
    both = [threading.Thread(target=say, args=(github, word)) for word in ("left", "right")]
    for each in both:
        each.start()
    for each in both:
        each.join(30)
    assert len(texts(github)) == 1
    assert [method for method, _ in github.asked].count("POST") == 2


def test_one_that_is_deleted_meanwhile_is_written_anew(github: GitHubServer) -> None:
    github.open_pull(7)
    say(github, "one")
    fault = github.fail("PATCH", 404, b'{"message": "Not Found"}')
    assert say(github, "two").created is True
    github.faults.remove(fault)
    assert say(github, "three").created is False
    assert texts(github) == ["three"]


def test_what_github_refuses_is_unknown(github: GitHubServer) -> None:
    github.open_pull(7)
    for method, status in (("POST", 403), ("POST", 422), ("GET .*/comments", 500)):
        fault = github.fail(method, status, b'{"message": "no"}')
        assert isinstance(forge(github).comment(7, MARKER, f"{MARKER}\nx"), Unknown)
        github.faults.remove(fault)
    assert isinstance(forge(github).comment(8, MARKER, f"{MARKER}\nx"), Unknown)
    assert texts(github) == []
