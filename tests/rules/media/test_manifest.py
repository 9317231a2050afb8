"""A list of games and films: understood whole, or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.errors import UsageError
from mobius.rules.media.manifest import films_of_manifest

TOLD = {"sushi-go": "out/sushi.mp4", "Azul": "out/azul.mp4"}


def test_json_and_toml_say_the_same_in_their_order() -> None:
    assert list(films_of_manifest(json.dumps(TOLD), "films.json").items()) == list(TOLD.items())
    assert films_of_manifest('sushi-go = "out/sushi.mp4"\nAzul = "out/azul.mp4"\n', "films.toml") == TOLD
    assert films_of_manifest("\ufeff" + json.dumps(TOLD), "films.json") == TOLD


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "films.json names no film"),
        ("{}", "films.json names no film"),
        ("[]", "films.json cannot be read: "),
        ('["out/a.mp4"]', "'out/a.mp4': no path of a film"),
        ('{"a": "x.mp4", "a": "y.mp4"}', "films.json cannot be read: 'a' is named twice"),
        ('{"a": "x.mp4", "A ": "y.mp4"}', "'A ' is named twice, also as 'a'"),
        ('{"a": 1, "b": "", "": "z.mp4"}', "'a': no path of a film\n  'b': an empty path\n  '': no name"),
        ('{"a": {"file": "x.mp4"}}', "'a': no path of a film"),
        ('{"a": "x\\u0000.mp4"}', "'a': an empty path"),
        ("a = out/a.mp4", "films.json cannot be read: "),
        ("[" * 100_000, "films.json cannot be read: "),
    ],
)
def test_a_list_with_a_mistake_is_refused_with_every_one_of_them(text: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        films_of_manifest(text, "films.json")
    assert why in str(refused.value)
    assert refused.value.hint


ANY = st.none() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40) | st.dictionaries(st.text(max_size=8), ANY, max_size=4).map(json.dumps))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    try:
        told = films_of_manifest(text, "films.json")
    except UsageError as refused:
        assert refused.hint
    else:
        assert told and all(isinstance(file, str) and file.strip() for file in told.values())
