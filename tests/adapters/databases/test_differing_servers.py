"""Two PostgreSQL databases side by side: rows added, changed, removed by key; counts where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mobius.adapters.databases.differing import NO_KEY, NO_TIME, OTHER_KEY
from mobius.adapters.databases.differing_servers import counted_on_server, server_pair
from mobius.adapters.databases.postgres_address import parsed
from mobius.errors import MobiusError
from mobius.model.loss import LostRow, TableChange
from postgres_server import Database, PostgresServer

Both = tuple[Database, Database]


@pytest.fixture
def both(new_database: Callable[..., Database]) -> Both:
    """(now, then), with the same empty tables; `then` sorts and encodes text otherwise."""
    now = new_database("now")
    then = new_database("then", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    on_both(
        (now, then),
        "CREATE TABLE post (id serial PRIMARY KEY, body text, price numeric, at timestamptz, raw bytea, token text)",
        "CREATE TABLE word (word text, lang text, times int, PRIMARY KEY (word, lang))",
        "CREATE TABLE line (text text)",
    )
    return now, then


def on_both(both: Both, *queries: str) -> None:
    for database in both:
        for query in queries:
            database.execute(query)


def changes(both: Both, *, within_s: float = 60.0, **rows_then: int) -> dict[str, TableChange]:
    now, then = (parsed("app", database.url) for database in both)
    with server_pair(now, then, "app") as pair:
        known = {f"public.{name}": rows for name, rows in rows_then.items()}
        return {change.table: change for change in pair.changes(known, time.monotonic() + within_s)}


def rows(both: Both, *, within_s: float = 60.0) -> tuple[list[LostRow], dict[str, str]]:
    now, then = (parsed("app", database.url) for database in both)
    with server_pair(now, then, "app") as pair:
        return list(pair.rows(time.monotonic() + within_s)), pair.untold


def test_rows_are_told_apart_by_their_primary_key(both: Both) -> None:
    now, _ = both
    on_both(both, "INSERT INTO post (body) VALUES ('one'), ('two'), ('three')")
    now.execute("INSERT INTO post (body) VALUES ('four')")
    now.execute("UPDATE post SET body = 'TWO' WHERE id = 2")
    now.execute("DELETE FROM post WHERE id = 1")

    told = changes(both, post=3, word=0, line=0)
    assert told["public.post"] == TableChange("app", "public.post", 3, 3, added=1, changed=1, removed=1)
    assert told["public.word"] == TableChange("app", "public.word", 0, 0, added=0, changed=0, removed=0)
    assert told["public.line"] == TableChange("app", "public.line", 0, 0, added=0, changed=0, removed=0)
    listed, untold = rows(both)
    assert [(row.table, row.change, row.key, row.row["body"]) for row in listed] == [
        ("public.post", "removed", {"id": 1}, "one"),
        ("public.post", "changed", {"id": 2}, "TWO"),
        ("public.post", "added", {"id": 4}, "four"),
    ]
    assert untold == {}


def test_keys_of_text_are_in_one_order_whatever_the_locale_and_the_encoding(both: Both) -> None:
    now, then = both
    words = ["a", "B", "b", "ä", "Z", "é", "-", "a b", "ab", "ÿ"]
    for word in words:
        for lang in ("de", "DE", "fr"):
            on_both(both, f"INSERT INTO word VALUES ('{word}', '{lang}', 1)")
    then.execute("DELETE FROM word WHERE word = 'ä' AND lang = 'DE'")
    now.execute("UPDATE word SET times = 2 WHERE word = 'é' AND lang = 'fr'")
    listed, _ = rows(both)
    assert [(row.change, row.key) for row in listed] == [
        ("added", {"word": "ä", "lang": "DE"}),
        ("changed", {"word": "é", "lang": "fr"}),
    ]


def test_the_same_values_are_the_same_whatever_the_server_is_set_to(both: Both) -> None:
    now, then = both
    then.execute(f"ALTER DATABASE \"{then.name}\" SET timezone = 'Asia/Tokyo'")
    then.execute(f"ALTER DATABASE \"{then.name}\" SET datestyle = 'German'")
    then.execute(f"ALTER DATABASE \"{then.name}\" SET bytea_output = 'escape'")
    then.execute(f'ALTER DATABASE "{then.name}" SET extra_float_digits = -3')
    on_both(
        both,
        "CREATE TABLE measured (at timestamptz PRIMARY KEY, value double precision, raw bytea, took interval)",
        "INSERT INTO measured VALUES ('2026-11-21 22:00:00.123456+00', 0.1::float8 + 0.2, '\\x00ff', '1 day 2 hours')",
        "INSERT INTO post (price, at, raw) VALUES (1.50, '2026-11-21 22:00:00+00', '\\xdeadbeef')",
    )
    told = changes(both, post=1, measured=1, word=0, line=0)
    assert [(c.added, c.changed, c.removed) for c in told.values()] == [(0, 0, 0)] * 4
    now.execute("UPDATE measured SET value = 0.3")
    assert changes(both)["public.measured"].changed == 1


def test_what_is_listed_is_json_without_secrets_and_nothing_too_long(both: Both) -> None:
    now, _ = both
    now.execute(
        "INSERT INTO post (body, price, at, raw, token) "
        "VALUES (repeat('x', 5000), 12.50, '2026-11-21 22:00:00+02', decode(repeat('00', 3000), 'hex'), 'never')"
    )
    ((row,), _) = rows(both)
    assert row == LostRow(
        "app",
        "public.post",
        "added",
        {"id": 1},
        {
            "id": 1,
            "body": f"{'x' * 2000}… (5,000 characters)",
            "price": "12.50",
            "at": "2026-11-21 20:00:00+00",
            "raw": {"base64": "A" * 1332 + "AA==", "size_bytes": 3000},
            "token": "«redacted»",
        },
    )


def test_a_table_without_a_key_that_differs_is_named_though_its_rows_are_not(both: Both) -> None:
    now, _ = both
    on_both(both, "INSERT INTO line VALUES ('a'), ('b')")
    assert rows(both) == ([], {})
    now.execute("UPDATE line SET text = 'c' WHERE text = 'b'")
    assert rows(both) == ([], {"public.line": NO_KEY})
    assert changes(both, line=2)["public.line"] == TableChange(
        "app", "public.line", 2, 2, counted_only=NO_KEY
    )


def test_tables_that_came_or_went_are_told_whole_and_columns_that_came_do_not_count(both: Both) -> None:
    now, then = both
    on_both(both, "INSERT INTO word VALUES ('a', 'de', 1)")
    now.execute("CREATE TABLE fresh (id uuid PRIMARY KEY)")
    now.execute("INSERT INTO fresh VALUES ('00000000-0000-0000-0000-000000000007')")
    now.execute("ALTER TABLE word ADD COLUMN more int DEFAULT 7")
    then.execute("CREATE TABLE gone (id int PRIMARY KEY)")
    then.execute("INSERT INTO gone VALUES (1), (2)")
    told = changes(both, gone=2, word=1)
    assert told["public.fresh"] == TableChange(
        "app", "public.fresh", None, 1, added=1, changed=0, removed=0, is_new=True
    )
    assert told["public.gone"] == TableChange(
        "app", "public.gone", 2, None, added=0, changed=0, removed=2, is_gone=True
    )
    assert told["public.word"].changed == 0
    listed, _ = rows(both)
    assert [(row.table, row.change, row.key) for row in listed] == [
        ("public.fresh", "added", {"id": "00000000-0000-0000-0000-000000000007"}),
        ("public.gone", "removed", {"id": 1}),
        ("public.gone", "removed", {"id": 2}),
    ]


def test_another_key_is_counted_only(both: Both) -> None:
    now, _ = both
    now.execute("ALTER TABLE word DROP CONSTRAINT word_pkey, ADD PRIMARY KEY (lang, word)")
    now.execute("ALTER TABLE post ALTER COLUMN id TYPE text")
    told = changes(both)
    assert {told["public.word"].counted_only, told["public.post"].counted_only} == {OTHER_KEY}


def test_when_time_is_up_rows_are_counted_only_and_the_rest_of_a_listing_is_named(both: Both) -> None:
    now, _ = both
    now.execute("INSERT INTO post (body) SELECT 'x' FROM generate_series(1, 5000)")
    told = changes(both, within_s=0.0, post=0)["public.post"]
    assert told == TableChange("app", "public.post", 0, 5000, counted_only=NO_TIME)
    listed, untold = rows(both, within_s=0.0)
    assert (listed, untold["public.post"]) == ([], NO_TIME)


def test_a_table_that_may_not_be_read_is_told_with_the_reason(
    both: Both, postgres_server: PostgresServer
) -> None:
    now, then = both
    role = f"{now.name}_reader"
    now.execute(f'CREATE ROLE "{role}" LOGIN')
    try:
        now.execute(f'GRANT SELECT ON word TO "{role}"')
        asked = parsed("app", postgres_server.url(now.name, user=role))
        with server_pair(asked, parsed("app", then.url), "app") as pair:
            told = {change.table: change for change in pair.changes({}, time.monotonic() + 60)}
        assert told["public.post"].counted_only == "permission denied for table post"
        assert told["public.word"].added == 0
        assert counted_on_server(asked, "app", time.monotonic() + 60) == {
            "public.line": None,
            "public.post": None,
            "public.word": 0,
        }
    finally:
        now.execute(f'DROP OWNED BY "{role}"')
        now.execute(f'DROP ROLE "{role}"')


def test_a_server_that_is_away_is_said(both: Both) -> None:
    now, _ = both
    away = parsed("app", "postgresql://ann@/app?host=/nowhere")
    with (
        pytest.raises(MobiusError, match="app could not be compared"),
        server_pair(away, parsed("app", now.url), "app"),
    ):
        pass


def test_many_rows_are_listed_in_order_and_an_abandoned_listing_leaves_nothing_open(both: Both) -> None:
    now, then = both
    now.execute("INSERT INTO post (id, body) SELECT i, 'x' FROM generate_series(1, 1001) i")
    then.execute("INSERT INTO post (id, body) SELECT i, 'x' FROM generate_series(2, 1000, 2) i")
    listed, _ = rows(both)
    assert [row.key["id"] for row in listed] == list(range(1, 1002, 2))
    with server_pair(parsed("app", now.url), parsed("app", then.url), "app") as pair:
        assert next(iter(pair.rows(time.monotonic() + 60))).key == {"id": 1}
    assert now.one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == 1
