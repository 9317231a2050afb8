"""What a live PostgreSQL refuses, and files that cannot be run: said, and nothing is kept."""

from __future__ import annotations

import pytest

from adapters.migrations.live_postgres import Here, here
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import GateFailed, MobiusError
from postgres_server import new_database, postgres_server

__all__ = ["here", "new_database", "postgres_server"]


def test_a_server_that_is_not_there_and_a_wrong_password_are_said(here: Here) -> None:
    for url, words in (
        ("postgresql://mobius@127.0.0.1:1/nowhere", "cannot|failed|refused"),
        (f"{here.database.url.replace(here.database.name, 'nowhere')}", 'database "nowhere" does not exist'),
    ):
        target = Target("postgresql", address=parsed("main", url))
        with pytest.raises(MobiusError, match=words) as caught:
            SqlSource().pending(here.root, target)
        assert caught.value.hint


def test_whoever_may_not_change_a_table_is_told_to_own_it(here: Here) -> None:
    here.database.execute("CREATE ROLE guest LOGIN")
    try:
        here.database.execute("GRANT ALL ON SCHEMA public TO guest")
        here.database.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
        here.write("002_more.sql", "ALTER TABLE note ADD COLUMN more int;")
        url = here.database.server.url(here.database.name, user="guest")
        target = Target("postgresql", address=parsed("main", url))
        with pytest.raises(MobiusError, match="must be owner of table note") as caught:
            SqlSource().apply(here.root, target, progress=here.told.append)
        assert "let guest own what it changes" in caught.value.hint
    finally:
        here.database.execute("DROP OWNED BY guest")
        here.database.execute("DROP ROLE guest")


def test_a_deferred_constraint_that_fails_at_the_commit_leaves_nothing(here: Here) -> None:
    here.write(
        "002_child.sql",
        "CREATE TABLE child (note int REFERENCES note DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO child VALUES (-1);",
    )
    with pytest.raises(MobiusError, match="violates foreign key constraint"):
        here.apply()
    assert (here.pending(), "child" in here.tables()) == (["002_child"], False)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("\\copy note from 'x.csv'", r"uses \\copy \(line 1\)"),
        ("COPY note FROM STDIN;\n1\ta\n\\.\n", r"uses COPY … FROM STDIN \(line 1\)"),
        ("SELECT 'open;", r"cannot be read: .* \(line 1\)"),
        ("BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;\nCOMMIT;", r"uses BEGIN \(line 1\)"),
        ("SELECT 1;\nROLLBACK;", r"uses ROLLBACK \(line 2\)"),
        ("-- nothing\n;", "holds no statement"),
    ],
)
def test_a_file_that_cannot_be_run_is_refused_before_anything_runs(here: Here, sql: str, words: str) -> None:
    here.write("002_first.sql", "CREATE TABLE first (a int);")
    here.write("003_bad.sql", sql)
    with pytest.raises(GateFailed, match=words):
        here.apply()
    assert "first" not in here.tables()
