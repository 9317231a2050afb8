"""Whatever a PostgreSQL database may hold comes back: dumped again from where it was restored, it is the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from adapters.databases.test_postgres_dump import dumps_of, told
from mobius.adapters.databases.captures import facts_of
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.databases.postgres_dump import Dumper
from mobius.model.settings import DatabaseSettings
from postgres_server import Database

EVERYTHING = """
CREATE EXTENSION pg_trgm;
CREATE SCHEMA "Odd ""name"" x";
CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'happy');
CREATE DOMAIN short AS text CHECK (length(value) < 9);
CREATE TABLE person (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL COLLATE "C",
  nick short,
  mood mood DEFAULT 'sad',
  tags text[] DEFAULT '{}',
  about jsonb,
  loud text GENERATED ALWAYS AS (upper(name)) STORED,
  raw bytea,
  UNIQUE NULLS NOT DISTINCT (nick)
);
CREATE TABLE "Odd ""name"" x"."Tab	le" (person bigint REFERENCES person ON DELETE CASCADE, "select" int);
CREATE TABLE event (at timestamptz, what text) PARTITION BY RANGE (at);
CREATE TABLE event_old PARTITION OF event FOR VALUES FROM ('2020-01-01') TO ('2024-01-01');
CREATE TABLE event_new PARTITION OF event DEFAULT;
CREATE UNLOGGED TABLE cache (key text, value text);
CREATE INDEX ON person USING gin (name gin_trgm_ops);
CREATE INDEX partly ON person (lower(name)) WHERE mood = 'happy';
CREATE VIEW happy AS SELECT name FROM person WHERE mood = 'happy';
CREATE MATERIALIZED VIEW counted AS SELECT mood, count(*) FROM person GROUP BY mood;
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.about = '{"a": 1}'; RETURN new; END $$;
CREATE TRIGGER shouting BEFORE INSERT ON person FOR EACH ROW EXECUTE FUNCTION shout();
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON person USING (name = current_user);
CREATE SEQUENCE ticket START 7 INCREMENT 3;
SELECT nextval('ticket'), nextval('ticket');
"""


def test_everything_that_a_database_may_hold_comes_back(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    app = new_database("app")
    for statement in EVERYTHING.split(";\n")[:-1]:
        app.execute(statement)
    app.execute(r"""INSERT INTO person (name, nick, mood, tags, raw) VALUES
        (E'tab\t back\\ line\n "quote" \u00e4', 'a', 'happy', ARRAY['a"b', NULL, ''], '\x00ff'),
        ('', NULL, 'it''s ok', '{}', NULL)""")
    app.execute('INSERT INTO "Odd ""name"" x"."Tab	le" VALUES (1, 5), (2, NULL)')
    app.execute("INSERT INTO event VALUES ('2021-06-01', 'old'), ('2030-01-01', 'new')")
    app.execute("INSERT INTO cache VALUES ('k', 'v')")
    app.execute("SELECT lo_from_bytea(4711, 'a large object')")
    app.execute("DELETE FROM person WHERE id = 2")
    app.execute("REFRESH MATERIALIZED VIEW counted")  # a restore computes it anew

    dumps = dumps_of(tmp_path, DatabaseSettings("app", url=app.url))
    (tmp_path / "into").mkdir()
    (source,) = dumps.capture(tmp_path / "into", told).sources
    before = facts_of("app", source.path)
    assert before.tables == {
        'Odd "name" x.Tab\tle': 1,
        "public.cache": 1,
        "public.event_new": 1,
        "public.event_old": 1,
        "public.person": 1,
    }
    with dumps.scratch("app", source.path) as scratch:
        again = Dumper(scratch.address, os.environ).dump(tmp_path / "again", told)
        copy = parsed("copy", scratch.url)
        assert again.schema_sha256 == before.schema_sha256
        assert (again.tables, again.extensions) == (before.tables, before.extensions)
        assert (again.properties.encoding, again.properties.collate) == ("UTF8", "C.UTF-8")
        queries = (
            "SELECT person::text FROM person",
            "SELECT counted::text FROM counted ORDER BY 1",
            "SELECT last_value, is_called FROM ticket",
            "SELECT lo_get(4711)",
            "SELECT nextval('ticket')",
        )
        import psycopg

        with psycopg.connect(scratch.url, autocommit=True) as db:
            restored = [db.execute(query).fetchall() for query in queries]
    assert copy.database == app.name
    assert restored == [app.execute(query) for query in queries]
