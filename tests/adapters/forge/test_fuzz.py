"""Whatever GitHub answers, nothing raises, and nothing that was not said becomes a pass."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from github_answers import protection, pull_request, review
from github_server import HEAD
from mobius.adapters.forge.github import GitHub
from mobius.adapters.forge.line import Got, Said
from mobius.flows.github.approvals import approvals_of
from mobius.model.forge import BranchRules, GitHubSettings, Unknown
from mobius.model.verdict import Outcome
from mobius.rules.forge.checks import judge_checks
from mobius.rules.forge.protection import judge_protection

WANTED = GitHubSettings(ops_team="ops")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


class Anything:
    """A line on which every question gets the same answer, or those of a table first."""

    def __init__(self, body: bytes, table: dict[str, Any] | None = None, status: int = 200) -> None:
        self._body, self._table, self._status = body, table or {}, status

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, accept: str = ""
    ) -> Got | Said | Unknown:
        for part, known in self._table.items():
            if part in path:
                return Got(200, {}, json.dumps(known).encode())
        return (Got if self._status < 300 else Said)(self._status, {}, self._body)


def forge(*args: Any, **more: Any) -> GitHub:
    return GitHub(Anything(*args, **more), "acme/dhash", WANTED)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([200, 404, 422]),
)
def test_one_answer_to_everything_passes_nothing(body: bytes, status: int) -> None:
    asked = forge(body, status=status)
    for found in (
        judge_protection(asked.protection(WANTED.branch), WANTED),
        approvals_of(asked, WANTED, HEAD),
        judge_checks(asked.check_runs(HEAD), WANTED.contexts, HEAD),
    ):
        assert Outcome.PASS not in {each.outcome for each in found}
        assert all(each.message for each in found)
    asked.comment(7, "<!-- m -->", "<!-- m -->\nx")
    asked.classic("main")


@st.composite
def spoilt(draw: st.DrawFn, whole: Any) -> Any:
    """The answer with one of its values gone or replaced by something that is not its opposite."""
    copy = json.loads(json.dumps(whole))
    place, key = copy, draw(st.sampled_from(sorted(copy)))
    while isinstance(place[key], dict) and place[key] and draw(st.booleans()):
        place, key = place[key], draw(st.sampled_from(sorted(place[key])))
    if draw(st.booleans()):
        del place[key]
    else:
        place[key] = draw(
            st.none() | st.text(max_size=3) | st.integers(-3, 1) | st.lists(st.integers(), max_size=2)
        )
    return copy


@settings(max_examples=60, deadline=None)
@given(spoilt(protection(contexts=["a"], reviews=None, admins=False)))
def test_a_bad_protection_that_is_spoilt_never_becomes_a_good_one(answer: Any) -> None:
    table = {"/protection": answer, "/rules/": [], "/branches/main": {"name": "main"}, "/contents/": ""}
    found = forge(b"{}", table).protection("main")
    outcomes = [each.outcome for each in judge_protection(found, WANTED) if each.name in NEEDED]
    assert Outcome.PASS not in outcomes


NEEDED = {
    "protection",
    "reviews",
    "code owners",
    "last push",
    "administrators",
    "required check golden-checks-macos",
}


@settings(max_examples=60, deadline=None)
@given(spoilt(protection()))
def test_a_good_protection_that_is_spoilt_is_read_no_better_than_it_is(answer: Any) -> None:
    table = {"/protection": answer, "/rules/": [], "/branches/main": {"name": "main"}}
    found = forge(b"{}", table).protection("main")
    good = forge(b"{}", table | {"/protection": protection()}).protection("main")
    assert isinstance(good, BranchRules)
    if isinstance(found, BranchRules) and found.sources:
        assert set(found.contexts) <= set(good.contexts)
        assert found.reviews <= good.reviews


@settings(max_examples=60, deadline=None)
@given(spoilt(review(1, 7, "bob", "APPROVED", HEAD, "2026-11-20T10:00:00Z")))
def test_one_approval_that_is_spoilt_is_never_two(answer: Any) -> None:
    table = {
        "/reviews": [answer, answer],
        "/pulls/7": pull_request(7, "ann", HEAD, None),
        f"/commits/{HEAD}/pulls": [pull_request(7, "ann", HEAD, None)],
        "/permission": {"permission": "write"},
        "/members": [{"login": "bob", "id": 1}],
        "/commits/": {"sha": HEAD},
    }
    found = {each.name: each.outcome for each in approvals_of(forge(b"{}", table), WANTED, HEAD)}
    assert found["approvals"] is not Outcome.PASS
