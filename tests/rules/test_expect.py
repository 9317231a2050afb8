"""The expectation language: what holds, the line that says what was found, every mistake's place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.errors import ConfigurationError
from mobius.rules.expect import Answer, Checked, evaluate, parse, read_json

BODY = (
    '{"status":"OK","version":"v2.1.0","items":[{"id":4,"odd key":1}],"ready":true,"n":null,"tags":["a",1]}'
)
ANSWER = Answer(
    status=200,
    headers={"content-type": "application/json; charset=utf-8"},
    body=BODY,
    json=read_json(BODY),
    ms=12.34,
    tls_days=30.5,
)


@pytest.mark.parametrize(
    ("expression", "ok", "found"),
    [
        ("status == 200", True, "200"),
        ("status == 503", False, "200"),
        ("status != 200", False, "200"),
        ("status in 200..299", True, "200"),
        ("status in 300..399", False, "200"),
        ("status in [200, 204]", True, "200"),
        ("status in [404]", False, "200"),
        ("  status==200  ", True, "200"),
        ("ms < 200", True, "12.3"),
        ("ms <= 12.34", True, "12.3"),
        ("ms > 20", False, "12.3"),
        ("tls.days > 14", True, "30.5"),
        ('json.status == "OK"', True, '"OK"'),
        ('json["status"] == "OK"', True, '"OK"'),
        ('json.status == "ok"', False, '"OK"'),
        ("json.items[0].id > 3", True, "4"),
        ("json.items[0].id >= 5", False, "4"),
        ("json.items[-1].id == 4.0", True, "4"),
        ('json.items[0]["odd key"] == 1', True, "1"),
        ("json.items[1].id == 4", False, "missing"),
        ("json.items.id == 4", False, "missing"),
        ("json.nothing != 1", False, "missing"),
        ("json.ready == true", True, "true"),
        ("json.ready == 1", False, "true"),
        ("json.n == null", True, "null"),
        ('json.tags contains "a"', True, '["a", 1]'),
        ("json.tags contains true", False, '["a", 1]'),
        ('json contains "ready"', True, None),
        ('json.version ~ "^v[0-9]+"', True, '"v2.1.0"'),
        (r'json.version ~ "^v\d\.\d"', True, '"v2.1.0"'),
        ('json.items ~ "4"', False, '[{"id": 4, "odd key": 1}]'),
        ('json.version in ["v2.0.0", "v2.1.0"]', True, '"v2.1.0"'),
        ("json.status < 3", False, '"OK"'),
        ('body contains "OK"', True, None),
        ('header.content-type contains "json"', True, '"application/json; charset=utf-8"'),
        ('header.Content-Type ~ "utf-8$"', True, '"application/json; charset=utf-8"'),
        ('header.etag == "x"', False, "missing"),
    ],
)
def test_an_expectation_holds_or_shows_what_was_found(expression: str, ok: bool, found: str | None) -> None:
    checked = evaluate(parse(expression), ANSWER)

    assert checked.ok is ok
    assert found is None or checked.line == f"[{expression.strip()}] was {found}"


def test_a_failure_shows_the_same_line_with_the_value() -> None:
    assert evaluate(parse("status == 200"), Answer(503)) == Checked(False, "[status == 200] was 503")


@pytest.mark.parametrize("body", ["<html>", "", "{", "[" * 100_000, "1" * 5000, "\ud800"])
def test_an_answer_that_is_not_json_is_said_to_be_so(body: str) -> None:
    answer = Answer(200, body=body, json=read_json(body))

    assert evaluate(parse("json.status == 1"), answer) == Checked(False, "[json.status == 1] was not JSON")


def test_days_of_a_certificate_without_tls_are_not_enough() -> None:
    assert evaluate(parse("tls.days > 14"), Answer(200)).line == "[tls.days > 14] was not TLS"


def test_long_and_odd_values_are_cut_to_one_line() -> None:
    line = evaluate(parse('body contains "x"'), Answer(200, body="a\x1b[2J\n" * 1_000_000)).line

    assert line.startswith('[body contains "x"] was "a\\u001b[2J\\na')
    assert line.endswith("…") and len(line) < 100


def test_a_pattern_looks_at_a_bounded_part_of_the_answer() -> None:
    late = "a" * 70_000 + "needle"

    assert evaluate(parse('body contains "needle"'), Answer(200, body=late)).ok
    assert not evaluate(parse('body ~ "needle"'), Answer(200, body=late)).ok


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "character 1: expected one of status, ms, tls.days, body, header.NAME, json.PATH"),
        ("stats == 200", "character 1: expected one of status, ms, tls.days, body, header.NAME, json.PATH"),
        ("tls > 3", "character 1: expected one of status, ms, tls.days, body, header.NAME, json.PATH"),
        ("header == 3", "character 1: expected one of status, ms, tls.days, body, header.NAME, json.PATH"),
        ("status", "character 7: expected one of == != <= >= < > ~ contains in"),
        ("status = 200", "character 8: expected one of == != <= >= < > ~ contains in"),
        ("status inside 3", "character 14: expected one of == != <= >= < > ~ contains in"),
        ("status ==", 'character 10: expected a number, a text in "quotes", true, false or null'),
        ("status == OK", 'character 11: expected a number, a text in "quotes", true, false or null'),
        (
            "status == 200 or 204",
            "character 15: expected the end: one comparison each, further ones on their own",
        ),
        ('status == "200"', "character 11: status is a number"),
        ("status in 299..200", "character 11: a range goes from the smaller to the larger number"),
        ("status in 200", 'character 11: in needs a range (200..299) or a list ["a", "b"]'),
        ("status == 200..299", "character 11: a range or a list needs the operator in"),
        ("status contains 2", "character 17: status is a number: it contains nothing"),
        ("ms < true", "character 6: < needs a number"),
        ("body contains 3", 'character 15: body is text: put the value in quotes, "3"'),
        ('body < "x"', "character 8: body is text: compare it with ==, !=, contains, ~ or in"),
        ("header.x in 1..2", "character 13: header is text: it cannot be in a range of numbers"),
        ("json. == 1", 'character 6: expected a key; write an odd one as ["the key"]'),
        ("json[x] == 1", 'character 6: expected an index or a key in quotes: [0] or ["key"]'),
        ('json["a == 1', "character 6: this quote is never closed"),
        ('json.a == "abc', "character 11: this quote is never closed"),
        ("json.a in [1, 2", "character 16: expected , or ]"),
        ("json.a ~ 3", 'character 10: ~ needs a regular expression in quotes, like "^v[0-9]+"'),
        (
            'json.a ~ "("',
            "character 10: not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        ('body ~ "(a+)+$"', "character 8: a repeat inside a repeat, like (a+)+, can take for ever"),
        (
            r'body ~ "(?:v\d{1,3}\.)*x"',
            "character 8: a repeat inside a repeat, like (a+)+, can take for ever",
        ),
        ("status == 2" + "0" * 5000, "character 4097: longer than 4096 characters"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(expression: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(expression)

    assert caught.value.message == f"expectation is wrong at {message}"
    assert "for example" in caught.value.hint


@pytest.mark.parametrize("pattern", ["(a|b)+", r"(\+1)*", r"(a\*)+", "(a+)(b+)", "(ab+)?", "[(+)]+"])
def test_repeats_that_are_harmless_are_allowed(pattern: str) -> None:
    assert parse(f'body ~ "{pattern}"').value == pattern


def test_a_mistake_points_at_its_place() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse("status = 200")

    assert str(caught.value).splitlines()[1:] == ["  status = 200", "         ^"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)
PIECES = """
status ms json .a [0] [" header. body tls.days == ~ in contains < 1..2 " \\ [ ] , 1e9 - ( a{9999999999} true é
"""
pieces = st.sampled_from([*PIECES.split(), " ", "\n", "\x00"])


@given(st.text() | st.lists(pieces).map("".join), values)
@settings(max_examples=150, deadline=None)
def test_any_text_is_an_expectation_or_a_configuration_error(text: str, found: Any) -> None:
    try:
        expectation = parse(text)
    except ConfigurationError:
        return
    checked = evaluate(expectation, Answer(200, {"a": "b"}, str(found), found, 1.5))
    assert checked.line.startswith("[")


@given(
    values,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "contains"]),
    st.sampled_from(["1", "2.5", '"a"', "null"]),
)
@settings(max_examples=100, deadline=None)
def test_any_answer_can_be_compared(found: Any, operator: str, value: str) -> None:
    try:
        expectation = parse(f"json {operator} {value}")
    except ConfigurationError:
        return
    assert "\n" not in evaluate(expectation, Answer(200, json=found)).line
