"""Templates: every spelling of a variable, sections, mistakes; and values that are data whatever they say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.errors import ConfigurationError
from mobius.model.notices import Topic
from mobius.report.notices.json_templates import check_json, filled
from mobius.report.notices.naming import topic_named
from mobius.report.notices.templates import parse, render
from mobius.report.notices.variables import ALIASES, BARE, VARIABLES, canonical

VALUES = {
    "release": "v2",
    "environment": "production",
    "deploy_lead": "@ann",
    "timestamp": "noon",
    "choices": ["a", "b"],
}


def said(text: str) -> str:
    pieces, wrong = parse(text)
    assert wrong == ()
    return render(pieces, VALUES)


SPELLINGS = (
    *(
        "{{release}}",
        "{{ RELEASE_TAG }}",
        "{release}",
        "{version}",
        "${RELEASE_TAG}",
        "{{{tag}}}",
        "{{& version }}",
    ),
    *("{{releaseTag}}", "{{release-tag}}", "{{ctx.release_tag}}", "RELEASE_TAG"),
)


@pytest.mark.parametrize("written", SPELLINGS)
def test_every_spelling_of_a_variable_is_filled(written: str) -> None:
    assert said(f"to {written}!") == "to v2!"


def test_the_words_that_the_guide_has_people_replace_are_replaced() -> None:
    assert said("RELEASE_TAG by @DEPLOY_LEAD at DATE/TIME, not MY_RELEASE_TAG_2") == (
        "v2 by @@ann at noon, not MY_RELEASE_TAG_2"
    )


def test_sections_are_shown_for_what_is_there_and_once_for_each_of_a_list() -> None:
    assert said("{{#choices}}- {{.}}\n{{/choices}}") == "- a\n- b\n"
    assert said("{{#pr}}PR {{pr}}{{/pr}}{{^pr}}no PR{{/pr}}") == "no PR"
    assert said("{{#env}}in {{env}}{{/env}}{{! a remark }}") == "in production"


def test_what_has_no_value_here_says_so_and_nothing_is_left() -> None:
    assert said("PR {{pr}} of {repository}") == "PR n/a of n/a"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a\n{{nope}}", 2, 'no variable "nope"'),
        ("{nope}", 1, 'no variable "nope"'),
        ("{{#env}}never closed", 1, "the section {{#env}} is never closed"),
        ("{{/env}}", 1, "{{/env}} closes a section that is not open"),
        ("{{#env}}{{/pr}}{{/env}}", 1, "{{/pr}} closes a section that is not open"),
        ("{{ two words }}", 1, "'{{ two words }}' is no variable: write {{name}}"),
        ("{{.}}", 1, "{{.}} stands outside of a section"),
        ("x" * 200_001, 1, "longer than 200,000 characters"),
    ],
)
def test_a_mistake_has_its_line(text: str, line: int, words: str) -> None:
    _, wrong = parse(text)
    assert [(each.line, each.words) for each in wrong] == [(line, words)]


def test_an_unknown_variable_is_said_in_its_place_rather_than_a_message_lost() -> None:
    pieces, _ = parse("a {{nope}} b")
    assert render(pieces, VALUES) == "a [no variable nope] b"


def test_a_value_is_never_read_as_a_template() -> None:
    pieces, _ = parse("{{reason}} {{release}}")
    assert render(pieces, {"reason": "{{release}} ${x} RELEASE_TAG", "release": "v2"}) == (
        "{{release}} ${x} RELEASE_TAG v2"
    )


def test_json_takes_values_as_strings_and_bare_ones_as_numbers() -> None:
    text = (
        '{"a": "x {{reason}}", "n": {{exit_code}}, {{#pr}}"pr": "{{pr}}",{{/pr}} "l": [<l>], "d": {"e": {}}}'
    )
    text = text.replace("<l>", '{{#choices}}{"t": "{{.}}"},{{/choices}}')
    assert check_json(text) == ()
    values = {"reason": '"},{"x":"\n\\', "exit_code": 3, "choices": ['a"', "b}"]}
    assert filled(text, values, str) == {
        "a": 'x "},{"x":"\n\\',
        "n": 3,
        "l": [{"t": 'a"'}, {"t": "b}"}],
        "d": {"e": {}},
    }


def test_json_that_is_none_is_a_mistake() -> None:
    assert "is not JSON" in check_json('{"a": "{{env}}"')[0].words
    with pytest.raises(ConfigurationError, match="is not JSON"):
        filled("nothing", {}, str)


ANY = st.dictionaries(
    st.sampled_from(sorted(VARIABLES)), st.text() | st.lists(st.text(), max_size=3), max_size=6
)


@settings(deadline=None)
@given(st.text(max_size=200), ANY)
def test_any_text_is_a_template(text: str, values: dict[str, object]) -> None:
    render(parse(text)[0], values)
    check_json(text)


@settings(deadline=None)
@given(ANY)
def test_no_value_changes_the_structure(values: dict[str, object]) -> None:
    names = sorted(VARIABLES)
    text = json.dumps({"text": [f"{{{{{name}}}}}" for name in names], "end": True})
    made = filled(text, values, str)
    assert list(made) == ["text", "end"] and len(made["text"]) == len(names)


def test_every_alias_means_a_variable_and_hides_none() -> None:
    assert set(ALIASES.values()) | set(BARE.values()) <= set(VARIABLES)
    assert not set(ALIASES) & set(VARIABLES)
    for theirs in (
        "environment",
        "env",
        "ENVIRONMENT",
        "lead",
        "deploy_lead",
        "DEPLOY_LEAD",
        "operator",
        "deployer",
    ):
        assert canonical(theirs)
    for theirs in (
        "release",
        "version",
        "release_tag",
        "RELEASE_TAG",
        "commit",
        "git_commit",
        "commitHash",
        "COMMIT_SHA",
    ):
        assert canonical(theirs)
    assert canonical("__proto__") is None


@pytest.mark.parametrize(
    ("stem", "topic"),
    [
        ("deployment_started", Topic.STARTED),
        ("deploy-success", Topic.SUCCEEDED),
        ("deployment-failed", Topic.FAILED),
        ("rollback_initiated", Topic.ROLLING_BACK),
        ("rollback-complete", Topic.ROLLED_BACK),
        ("monitoring-alert", Topic.ALERT),
        ("quality_gate_violation", Topic.GATE_VIOLATION),
        ("slack_deployment_started", Topic.STARTED),
        ("pre-deployment", Topic.PLANNED),
        ("birthday", None),
        ("", None),
    ],
)
def test_a_file_is_for_the_message_that_its_name_says(stem: str, topic: Topic | None) -> None:
    assert topic_named(stem) is topic
