"""How the schema that a way down leaves is told beside the one of before."""

from __future__ import annotations

from mobius.adapters.trial.postgres_catalog import difference, in_short

BEFORE = ("CREATE TABLE person (", "    gone text,", "    city_id integer,", ");")


def test_a_column_that_comes_back_at_the_end_is_told_to_be_in_another_place() -> None:
    after = ("CREATE TABLE person (", "    city_id integer,", "    gone text", ");")
    assert in_short(difference(BEFORE, after)) == (
        "in another place of its table: gone (SELECT * and INSERT without names see that)"
    )


def test_a_column_of_another_type_is_told_as_it_was_and_as_it_is() -> None:
    after = ("CREATE TABLE person (", "    gone integer,", "    city_id integer,", ");")
    assert in_short(difference(BEFORE, after)) == "-    gone text,; +    gone integer,"


def test_a_schema_that_is_the_same_says_nothing() -> None:
    assert in_short(difference(BEFORE, BEFORE)) == ""
