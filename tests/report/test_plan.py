from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mobius.model.plan import Plan
from mobius.report.plan import commands_of, plan_json, plan_text, refusals
from report import stories

WHOLE = """\
Plan: deploy v3 of dhash to production

  release     v3-4f2c91a, commit 4f2c91ad0011
  live now    v2-77aa01b in slot blue
  slot        green
  window      10 min, policy conservative
  migrations  2 pending: 0003_add_titles, 0004_index
  hash        3f9a1c0e77b2

Checks, asked again before anything is changed
  ✓ tag         does the tag exist? v3 at 4f2c91ad
  ✓ clean tree  is everything committed? yes
  ✓ disk        is there room for release and backup? 41 GB free, 120 MB needed

7 steps forward, about 27 s
   1  stage          lay out and build release v3                           12 s
                     $ npm ci --omit=dev
   2  backup         take a backup of code, configuration and data           3 s
   3                 restore it in a scratch place and check every hash      4 s
   4  start          start v3 in slot green                                  2 s
                     $ node api.js (api)
   5                 wait until v3 is healthy                                5 s
   6  switch         move traffic from blue to green                       50 ms
   7                 let requests in flight on blue finish                   1 s

When the window ends with PASS, or a person accepts
   8  stop v2 in slot blue                                                   1 s

Ways back
  before traffic: code alone, about 1 s, proven by the rehearsal, nothing lost
   1  stop v3 in slot green                                                  1 s

  after traffic: code alone, about 1.1 s, not proven, nothing lost
   1  move traffic from green to blue                                      50 ms
   2  stop v3 in slot green                                                  1 s

  after traffic: restore, about 7 s, not proven, loses what was written after
    the backup
   1  move traffic from green to blue                                      50 ms
   2  stop v3 in slot green                                                  1 s
   3  put the data of the backup in place                                    6 s

Nothing was changed. To do this and nothing else:
  mobius deploy -e production --tag v3 --plan 3f9a1c0e77b2
"""


def test_a_plan_says_what_is_asked_what_is_done_and_every_way_back() -> None:
    assert plan_text(stories.PLAN) + "\n" == WHOLE


def test_a_check_that_says_no_comes_with_its_advice_and_the_plan_ends_with_planning_again() -> None:
    text = plan_text(stories.refused_plan())
    assert "  ✗ clean tree  is everything committed? no: 2 files changed\n" in text
    assert "                try: git stash, or allow_dirty = true\n" in text
    assert text.endswith(
        "This would be refused: clean tree. Mend that, then:\n  mobius plan -e production --tag v3"
    )
    assert [check.name for check in refusals(stories.refused_plan())] == ["clean tree"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("plan", [stories.PLAN, stories.refused_plan()], ids=["open", "refused"])
def test_no_line_is_wider_than_the_terminal(plan: Plan, width: int) -> None:
    assert max(len(line) for line in plan_text(plan, width).splitlines()) <= width


def test_colour_changes_nothing_but_colour() -> None:
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", plan_text(stories.PLAN, color=True) + "\n") == WHOLE


def test_the_first_deployment_says_that_there_is_no_way_back() -> None:
    first = replace(stories.PLAN, previous_id="", previous_slot="", ways_back=())
    text = plan_text(first)
    assert "  live now    nothing: this is the first deployment\n" in text
    assert "Ways back\n  none: there is no release to go back to\n" in text


def test_what_others_wrote_cannot_draw_on_the_terminal() -> None:
    hostile = replace(stories.PLAN, tag="v3\x1b[2J\x07", facts={"commit": "a\x1b]0;x\x07"})
    assert "\x1b" not in plan_text(hostile)
    assert "\x07" not in plan_text(hostile)


def test_a_long_hash_goes_on_the_next_line_and_the_command_can_still_be_copied() -> None:
    text = plan_text(replace(stories.PLAN, hash="ab" * 32))
    assert text.endswith(f"  mobius deploy -e production --tag v3 --plan \\\n    {'ab' * 32}")


def test_the_json_has_every_step_the_sum_and_the_next_command() -> None:
    document = json.loads(json.dumps(plan_json(stories.PLAN)))
    assert document["schema_version"] == 1
    assert document["event"] == "plan"
    assert document["rollout"][0]["title"] == "lay out and build release v3"
    assert [way["way"] for way in document["ways_back"]] == ["code alone", "code alone", "restore"]
    assert document["expected_s"] == 27.05
    assert document["next"] == "mobius deploy -e production --tag v3 --plan 3f9a1c0e77b2"


@pytest.mark.parametrize(
    ("params", "lines"),
    [
        ({}, []),
        ({"command": "make it"}, ["make it"]),
        ({"run": ["echo", "two words"]}, ["echo 'two words'"]),
        ({"commands": [["npm", "ci"], ["npm", "run", "build"]]}, ["npm ci", "npm run build"]),
        ({"processes": [{"name": "api", "start": ["node", "a.js"]}]}, ["node a.js  (api)"]),
        ({"processes": [{"name": "api"}], "timeout_s": 3}, []),
        ({"command": ""}, []),
    ],
)
def test_a_step_shows_what_it_executes(params: dict[str, object], lines: list[str]) -> None:
    assert commands_of(stories.step(1, "p", "a", "t", 1, **params)) == lines


def test_pending_migrations_are_listed_with_their_risk_and_how_to_make_them_in_two_releases() -> None:
    read = [
        {"name": "0003", "impact": "LOW", "has_down": True, "findings": [], "hazards": []},
        {
            "name": "0004",
            "impact": "HIGH",
            "has_down": False,
            "findings": [f"line {line}: it locks" for line in range(1, 6)],
            "hazards": ["drop-column"],
        },
        {"name": "knex", "impact": "", "has_down": True, "findings": [], "hazards": []},
    ]
    facts = {
        **stories.PLAN.facts,
        "migrations": read,
        "in_two_releases": ["0004: make it in two releases: 1. x; 2. y"],
    }

    text = plan_text(replace(stories.PLAN, facts=facts), width=100)

    assert (
        """\
Pending migrations, by their text; the rehearsal says what they really do
  0003: LOW, can be taken back
  0004: HIGH, has no way down
    line 1: it locks
    line 2: it locks
    line 3: it locks
    and 2 findings more: mobius migrate plan --tag v3
  knex: not readable: only its own program knows it, can be taken back
  try: 0004: make it in two releases: 1. x; 2. y
"""
        in text
    )
