"""Migrations that no reader of a text can decide, and what a copy of the data says of each."""

from __future__ import annotations

from dataclasses import dataclass

MANY = 30_000  # of the table that is not small
PEOPLE = f"""
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE person (
  id integer PRIMARY KEY, email varchar(100), phone text, name varchar(20) NOT NULL, age integer, boss integer,
  price numeric(8, 2), seen timestamp(3), feels mood, gone text, city_id integer, place inet,
  CONSTRAINT email_there CHECK (email IS NOT NULL)
);
CREATE INDEX person_city ON person (city_id);
CREATE TABLE city (id integer PRIMARY KEY, name varchar(10));
INSERT INTO city SELECT n, 'c' || n FROM generate_series(1, 50) AS n;
INSERT INTO person SELECT n, 'p' || n || '@x.org', CASE WHEN n % 9 > 0 THEN n::text END, 'name ' || n / 2, n % 90, 9,
  n / 7.0, '2024-01-01', 'ok', NULL, 1 + n % 50, '10.0.0.1' FROM generate_series(1, {MANY}) AS n;
"""
NOTHING = "SELECT 1;"


@dataclass(frozen=True)
class Case:
    """`raised`: the hazards of the text that are left in the light of the facts; `taken`: those that the facts take
    back; `stops`: words of why it must not run, "" where it may; `down`: why the way down is not open, "" where it is;
    `rewrites`: tables that were written anew."""

    name: str
    up: str
    back: str | None
    raised: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    stops: str = ""
    down: str = ""
    rewrites: tuple[str, ...] = ()


SET_NOT_NULL, TYPE = "set-not-null-scans", "column-type-change"
CASES = (
    Case(
        "not null, proven by a check",
        "ALTER TABLE person ALTER COLUMN email SET NOT NULL;",
        "ALTER TABLE person ALTER COLUMN email DROP NOT NULL;",
        taken=(SET_NOT_NULL,),
    ),
    Case(
        "not null, and there are nulls",
        "ALTER TABLE person ALTER COLUMN phone SET NOT NULL;",
        "ALTER TABLE person ALTER COLUMN phone DROP NOT NULL;",
        raised=(SET_NOT_NULL,),
        stops='column "phone" of relation "person" contains null values',
    ),
    Case(
        "not null without a check",
        "ALTER TABLE person ALTER COLUMN age SET NOT NULL;",
        "ALTER TABLE person ALTER COLUMN age DROP NOT NULL;",
        raised=(SET_NOT_NULL,),
    ),
    Case(
        "a wider varchar",
        "ALTER TABLE person ALTER COLUMN name TYPE varchar(60);",
        "ALTER TABLE person ALTER COLUMN name TYPE varchar(20);",
        taken=(TYPE,),
    ),
    Case(
        "varchar to text",
        "ALTER TABLE person ALTER COLUMN name TYPE text;",
        "ALTER TABLE person ALTER COLUMN name TYPE varchar(20);",
        taken=(TYPE,),
    ),
    Case(
        "varchar to text, said as a cast",
        'ALTER TABLE "public"."person" ALTER COLUMN "name" SET DATA TYPE text USING "name"::text;',
        'ALTER TABLE "public"."person" ALTER COLUMN "name" TYPE varchar(20);',
        taken=(TYPE,),
    ),
    Case(
        "a narrower varchar that does not hold what is there",
        "ALTER TABLE person ALTER COLUMN name TYPE varchar(5);",
        "ALTER TABLE person ALTER COLUMN name TYPE varchar(20);",
        raised=(TYPE,),
        stops="value too long for type character varying(5)",
    ),
    Case(
        "a narrower varchar that holds it",
        "ALTER TABLE person ALTER COLUMN name TYPE varchar(15);",
        "ALTER TABLE person ALTER COLUMN name TYPE varchar(20);",
        raised=(TYPE,),
        rewrites=("person",),
    ),
    Case(
        "a wider numeric",
        "ALTER TABLE person ALTER COLUMN price TYPE numeric(14, 2);",
        "ALTER TABLE person ALTER COLUMN price TYPE numeric(8, 2);",
        taken=(TYPE,),
    ),
    Case(
        "a numeric of another scale",
        "ALTER TABLE person ALTER COLUMN price TYPE numeric(8, 1);",
        "ALTER TABLE person ALTER COLUMN price TYPE numeric(8, 2);",
        raised=(TYPE,),
        down="the way down loses data",
        rewrites=("person",),
    ),
    Case(
        "a finer timestamp",
        "ALTER TABLE person ALTER COLUMN seen TYPE timestamp(6);",
        "ALTER TABLE person ALTER COLUMN seen TYPE timestamp(3);",
        taken=(TYPE,),
    ),
    Case(
        "integer to bigint",
        "ALTER TABLE person ALTER COLUMN age TYPE bigint;",
        "ALTER TABLE person ALTER COLUMN age TYPE integer;",
        raised=(TYPE,),
        rewrites=("person",),
    ),
    Case(
        "integer to bigint in a tiny table",
        "ALTER TABLE city ALTER COLUMN id TYPE bigint;",
        "ALTER TABLE city ALTER COLUMN id TYPE integer;",
        taken=(TYPE,),
        rewrites=("city",),
    ),
    Case(
        "unique, and there are duplicates",
        "ALTER TABLE person ADD CONSTRAINT one_name UNIQUE (name);",
        "ALTER TABLE person DROP CONSTRAINT one_name;",
        raised=("unique-built-under-lock",),
        stops='could not create unique index "one_name"',
    ),
    Case(
        "a unique index, and there are duplicates",
        "CREATE UNIQUE INDEX CONCURRENTLY one_name ON person (lower(name));",
        "DROP INDEX CONCURRENTLY one_name;",
        stops='could not create unique index "one_name"',
    ),
    Case(
        "unique, in a tiny table",
        "ALTER TABLE city ADD CONSTRAINT one_city UNIQUE (name);",
        "ALTER TABLE city DROP CONSTRAINT one_city;",
        taken=("unique-built-under-lock",),
    ),
    Case(
        "a foreign key whose column has an index",
        "ALTER TABLE person ADD CONSTRAINT of_city FOREIGN KEY (city_id) REFERENCES city (id);",
        "ALTER TABLE person DROP CONSTRAINT of_city;",
        raised=("foreign-key-validated-under-lock",),
        taken=("foreign-key-without-index",),
    ),
    Case(
        "a foreign key that rows break",
        "ALTER TABLE person ADD CONSTRAINT of_boss FOREIGN KEY (boss) REFERENCES city (id) NOT VALID;\n"
        "UPDATE person SET boss = 77 WHERE id = 3;",
        "ALTER TABLE person DROP CONSTRAINT of_boss;",
        stops='violates foreign key constraint "of_boss"',
    ),
    Case(
        "a check that rows break",
        "ALTER TABLE person ADD CONSTRAINT grown CHECK (age >= 18) NOT VALID;\n"
        "ALTER TABLE person VALIDATE CONSTRAINT grown;",
        "ALTER TABLE person DROP CONSTRAINT grown;",
        raised=("constraint-validated-under-lock", "statement-while-holding-access-exclusive"),
        stops='check constraint "grown" of relation "person" is violated by some row',
    ),
    Case(
        "a value of an enum, which nothing takes back",
        "ALTER TYPE mood ADD VALUE 'glad';",
        None,
        down="not every migration has a way down",
    ),
    Case(
        "a value of an enum, and a way down that leaves it",
        "ALTER TYPE mood ADD VALUE 'glad';",
        NOTHING,
        down="the way down leaves another schema",
    ),
    Case(
        "rows changed, and a way down that leaves them",
        "UPDATE person SET name = upper(name) WHERE id < 100;",
        NOTHING,
        down="the way down loses data",
    ),
    Case(
        "a column dropped that has values",
        "ALTER TABLE person DROP COLUMN phone;",
        "ALTER TABLE person ADD COLUMN phone text;",
        raised=("drop-column",),
        down="the way down loses data",
    ),
    Case(
        "a foreign key added step by step, and no index for it",
        "ALTER TABLE person ADD CONSTRAINT of_boss FOREIGN KEY (boss) REFERENCES person (id) NOT VALID;",
        "ALTER TABLE person DROP CONSTRAINT of_boss;",
        raised=("foreign-key-without-index",),
    ),
    Case(
        "an empty column dropped, and put back in another place",
        "ALTER TABLE person DROP COLUMN gone;",
        "ALTER TABLE person ADD COLUMN gone text;",
        raised=("drop-column",),
        down="the way down leaves another schema: in another place of its table: gone",
    ),
    Case(
        "rows moved, and moved back",
        "CREATE TABLE old_person AS SELECT * FROM person WHERE age > 80;\nDELETE FROM person WHERE age > 80;",
        "INSERT INTO person SELECT * FROM old_person;\nDROP TABLE old_person;",
        raised=("unbatched-backfill",),
    ),
)

OF_SQLITE = (
    Case(
        "a unique index, and there are duplicates",
        "CREATE UNIQUE INDEX one_name ON person (name);",
        "DROP INDEX one_name;",
        raised=("sqlite-writers-blocked",),
        stops="UNIQUE constraint failed",
    ),
    Case(
        "a unique index in a tiny table",
        "CREATE UNIQUE INDEX one_city ON city (name);",
        "DROP INDEX one_city;",
        taken=("sqlite-writers-blocked",),
    ),
    Case(
        "a rebuild with NOT NULL, and there are nulls",
        "CREATE TABLE p2 (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL, city_id INTEGER);\n"
        "INSERT INTO p2 SELECT id, name, phone, city_id FROM person;\nDROP TABLE person;\n"
        "ALTER TABLE p2 RENAME TO person;",
        None,
        raised=("sqlite-rebuild-with-foreign-keys-on",),
        stops="NOT NULL constraint failed: p2.phone",
    ),
    Case(
        "a rebuild, whose DROP TABLE deletes nothing in the transaction that is begun for it",
        "PRAGMA foreign_keys=ON;\nCREATE TABLE c2 (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
        "INSERT INTO c2 SELECT id, name FROM city;\nDROP TABLE city;\nALTER TABLE c2 RENAME TO city;",
        None,
        raised=("sqlite-rebuild-with-foreign-keys-on",),
        down="not every migration has a way down",
    ),
    Case(
        "a column dropped that has values",
        "ALTER TABLE person DROP COLUMN phone;",
        "ALTER TABLE person ADD COLUMN phone TEXT;",
        raised=("drop-column",),
        down="the way down loses data",
    ),
    Case(
        "a required column, in a table with rows",
        "ALTER TABLE city ADD COLUMN code TEXT NOT NULL;",
        "ALTER TABLE city DROP COLUMN code;",
        raised=("required-column-without-default",),
        stops="Cannot add a NOT NULL column with default value NULL",
    ),
    Case(
        "a default that is the time, in a table with rows",
        "ALTER TABLE city ADD COLUMN at TEXT DEFAULT CURRENT_TIMESTAMP;",
        "ALTER TABLE city DROP COLUMN at;",
        raised=("sqlite-alter-refused",),
        stops="Cannot add a column with non-constant default",
    ),
    Case(
        "a new column whose check its own default breaks",
        "ALTER TABLE city ADD COLUMN n INTEGER DEFAULT 0 CHECK (n > 0);",
        "ALTER TABLE city DROP COLUMN n;",
        stops="CHECK constraint failed",
    ),
    Case(
        "a row that refers to nothing",
        "INSERT INTO person VALUES (99999999, 'x', NULL, 777);",
        "DELETE FROM person WHERE id = 99999999;",
        stops="foreign key",
    ),
    Case(
        "an update that rounds, and a way down that cannot know",
        "UPDATE city SET name = substr(name, 1, 1);",
        NOTHING,
        taken=("unbatched-backfill",),
        down="the way down loses data",
    ),
)
