"""What is read of a pending migration, and how a change that breaks the old release is made in two."""

from __future__ import annotations

import pytest

from mobius.model.linting import Dialect
from mobius.rules.expanding import in_two_releases
from mobius.rules.reading_pending import read_migration


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("ALTER TABLE t RENAME COLUMN a TO b;", "add the new column beside the old one and write both"),
        ("ALTER TABLE t RENAME TO u;", "rename the table and leave a view with the old name"),
        ("ALTER TABLE t DROP COLUMN a;", "ship a release that neither reads nor writes it"),
        ("DROP TABLE t;", "ship a release that neither reads nor writes it"),
        ("ALTER TABLE t ADD COLUMN a integer NOT NULL;", "add the column with a default or nullable"),
        ("ALTER TABLE t ALTER COLUMN a SET NOT NULL;", "ship a release that always writes the column"),
        ("ALTER TABLE t ALTER COLUMN a TYPE integer;", "add a column of the new type, write both"),
    ],
)
def test_a_change_that_breaks_the_release_before_can_be_made_in_two(sql: str, first: str) -> None:
    [advice] = in_two_releases([read_migration("002_x", sql, has_down=True, dialect="postgresql")])

    assert advice.startswith(f"002_x: make it in two releases: 1. {first}")
    assert "; 2. " in advice


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_a_new_nullable_column_needs_no_advice(dialect: Dialect) -> None:
    read = read_migration("002_x", "ALTER TABLE t ADD COLUMN a text;", has_down=True, dialect=dialect)

    assert in_two_releases([read]) == ()


def test_the_same_advice_for_two_migrations_is_one_line() -> None:
    read = [
        read_migration(name, f"ALTER TABLE {name} DROP COLUMN a;", has_down=False, dialect="postgresql")
        for name in ("one", "two")
    ]

    [advice] = in_two_releases(read)
    assert advice.startswith("one, two: make it in two releases: ")


def test_a_migration_is_read_with_its_impact_and_one_sentence_for_each_finding() -> None:
    read = read_migration("002_x", "\nDROP TABLE t;", has_down=False, dialect="postgresql")

    assert (read.name, read.impact, read.has_down) == ("002_x", "HIGH", False)
    assert "drop-table" in read.hazards
    assert any(found.startswith("line 2: ") for found in read.findings)


def test_what_only_its_own_program_can_read_has_no_impact_and_no_findings() -> None:
    read = read_migration("knex", None, has_down=True, dialect="postgresql")

    assert (read.impact, read.findings) == ("", ())
