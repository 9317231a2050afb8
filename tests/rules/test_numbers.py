"""Numbers out of what somebody else said: exact where they are one, and a reason for everything else."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobius.errors import ConfigurationError
from mobius.rules.numbers import LARGEST, NotANumber, number_in, number_of, read_path

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("7", "", 7.0),
        (" 7.5\n", "", 7.5),
        ("-.5", "", -0.5),
        ("+1E3", "", 1000.0),
        ('{"a": {"b": [1, {"c": 4}]}}', "a.b[1].c", 4.0),
        ('{"a": {"b": [1, 2]}}', "a.b[-1]", 2.0),
        ('{"a b": 3}', '["a b"]', 3.0),
        ('[{"n": "12"}]', "[0].n", 12.0),
    ],
)
def test_a_number_is_found_where_it_stands(text: str, path: str, value: float) -> None:
    assert number_in(text, read_path(path) if path else ()) == value


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("seven", "", 'no number: "seven"'),
        ("7 8", "", 'no number: "7 8"'),
        ("7,5", "", 'no number: "7,5"'),
        ("٣", "", 'no number: "٣"'),
        ("1_000", "", 'no number: "1_000"'),
        ("nan", "", "nan"),
        ("1e19", "", "too large to be true"),
        ("<html>", "a", 'not JSON: "<html>"'),
        ("", "a", "not JSON: nothing"),
        ('{"a": {}}', "a.b", "nothing at a.b"),
        ('{"a": []}', "a[3]", "nothing at a[3]"),
        ('{"a": true}', "a", "a is no number: true"),
        ('{"a": {"b": null}}', "a.b", "a.b is no number: null"),
        ('{"a": {"b": 1}}', "a", "a is no number: an object"),
        ('{"a": [1]}', "a", "a is no number: a list"),
        ('{"a": "' + "x" * 99 + '"}', "a", f'a is no number: "{"x" * 40}…"'),
    ],
)
def test_whatever_else_stands_there_is_the_reason(text: str, path: str, reason: str) -> None:
    with pytest.raises(NotANumber) as caught:
        number_in(text, read_path(path) if path else ())
    assert str(caught.value) == reason


@pytest.mark.parametrize("text", ["", "a..b", "a[", "a[x]", 'a["b]', "a b", "[0", "a.b =="])
def test_a_path_that_cannot_be_read_is_a_mistake(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read_path(text)


@given(JSON)
def test_any_value_is_a_believable_number_or_none(value: Any) -> None:
    try:
        number = number_of(value)
    except NotANumber as reason:
        assert str(reason)
        assert str(reason).isprintable()
    else:
        assert math.isfinite(number)
        assert abs(number) <= LARGEST
        assert not isinstance(value, bool)
        assert number == float(value)


@given(st.text(max_size=60), st.sampled_from(["", "a", "[0]", "a[0].b"]))
def test_any_text_is_answered_by_a_number_or_a_reason(text: str, path: str) -> None:
    try:
        assert math.isfinite(number_in(text, read_path(path) if path else ()))
    except NotANumber as reason:
        assert str(reason)


@given(st.floats(min_value=-LARGEST, max_value=LARGEST), st.text(max_size=5))
def test_what_json_wrote_is_read_back_exactly(number: float, key: str) -> None:
    text = json.dumps({key: [number]})
    assert number_in(text, (key, 0)) == number
