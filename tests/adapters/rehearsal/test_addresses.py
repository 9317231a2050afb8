"""A rehearsed release is told of its scratch database wherever it would be told of the live one."""

from __future__ import annotations

import pytest

from mobius.adapters.rehearsal.addresses import (
    addressed,
    in_form_of,
    scratch_url,
    user_of,
    without_other_databases,
)
from mobius.model.settings import DatabaseSettings

SCRATCH = "postgresql://app:pw@/app?host=/scratch/socket&port=5432"
BY_NAME = {"app": (DatabaseSettings("app", url_env="DATABASE_URL"), SCRATCH)}
BY_URL = {"app": (DatabaseSettings("app", url="postgresql://app@db.example.org/app"), SCRATCH)}


def test_the_named_variable_leads_to_the_scratch_database_and_the_others_stay() -> None:
    env = addressed({"DATABASE_URL": "postgresql://app:live@db/app", "MODE": "fast"}, BY_NAME)
    assert (env["DATABASE_URL"], env["MODE"]) == (SCRATCH, "fast")


def test_it_is_set_where_only_mobius_knew_it() -> None:
    assert addressed({}, BY_NAME)["DATABASE_URL"] == SCRATCH


def test_nothing_of_libpq_leads_to_the_live_one() -> None:
    live = {
        "PGHOST": "db",
        "PGPASSWORD": "live",
        "PGSERVICE": "live",
        "PGPASSFILE": "/root/.pgpass",
        "PGHOSTADDR": "1",
    }
    env = addressed(live, BY_NAME)
    assert {name: value for name, value in env.items() if name.startswith("PG")} == {
        "PGHOST": "/scratch/socket",
        "PGPORT": "5432",
        "PGUSER": "app",
        "PGPASSWORD": "pw",
        "PGDATABASE": "app",
    }


def test_without_databases_nothing_is_changed() -> None:
    assert addressed({"PGHOST": "db", "A": "b"}, {}) == {"PGHOST": "db", "A": "b"}


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://app@db.example.org/app",
        "postgres://other:secret@db.example.org:5432/app?sslmode=require",
        "postgresql+asyncpg://app@db.example.org/app",
    ],
)
def test_every_variable_with_the_configured_address_is_found_whoever_asks_and_how(value: str) -> None:
    changed = addressed({"SOME_URL": value}, BY_URL)["SOME_URL"]
    assert "db.example.org" not in changed and changed.endswith("@/app?host=/scratch/socket&port=5432")
    assert changed.split("://")[0] == value.split("://")[0]


def test_the_address_of_another_database_stays() -> None:
    other = "postgresql://app@db.example.org/other"
    assert addressed({"OTHER_URL": other}, BY_URL)["OTHER_URL"] == other


def test_an_address_in_words_stays_in_words() -> None:
    assert in_form_of("host=db user=app dbname=app password='it''s'", SCRATCH) == (
        "host=/scratch/socket port=5432 user=app password=pw dbname=app"
    )
    assert in_form_of("", SCRATCH) == SCRATCH


@pytest.mark.parametrize(
    ("address", "user"),
    [
        ("postgresql://ada:pw@db/app", "ada"),
        ("host=db user=ada dbname=app", "ada"),
        ("postgresql:///app", ""),
        ("", ""),
    ],
)
def test_who_asks_is_found(address: str, user: str) -> None:
    assert user_of(address) == user


def test_the_address_of_a_socket_is_one_that_libpq_reads() -> None:
    assert scratch_url("/a b", "app", "ada") == "postgresql://ada@/app?host=/a%20b&port=5432"


def test_an_address_in_parts_leads_to_the_scratch_database_part_by_part() -> None:
    parts = {
        "DB_HOST": "db.example.org",
        "DB_PORT": "5432",
        "DB_NAME": "app",
        "DB_USER": "app",
        "DB_PASSWORD": "live",
        "MAIL_HOST": "db.example.org",
        "MAIL_USER": "app",
        "REPORTS_HOST": "db.example.org",
        "REPORTS_NAME": "reports",
    }
    env = addressed(parts, BY_URL)
    assert [env[f"DB_{name}"] for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")] == [
        "/scratch/socket", "5432", "app", "app", "pw",
    ]  # fmt: skip
    others = ("MAIL_HOST", "MAIL_USER", "REPORTS_HOST", "REPORTS_NAME")
    assert all(env[name] == parts[name] for name in others)


@pytest.mark.parametrize("prefix", ["POSTGRES_", "APP_DATABASE_", "pg"])
def test_parts_are_known_however_their_names_begin(prefix: str) -> None:
    env = addressed(
        {f"{prefix}HOST": "db.example.org", f"{prefix}DB": "app", f"{prefix}PASSWORD": "live"}, BY_URL
    )
    assert env[f"{prefix}HOST"] == "/scratch/socket" and env[f"{prefix}PASSWORD"] == "pw"


def test_what_leads_to_another_database_is_left_out_and_all_else_stays() -> None:
    leads = {
        "DATABASE_URL": "somewhere",
        "REPORTS_DSN": "host=db dbname=x",
        "SQLALCHEMY_DATABASE_URI": "x",
        "ANY": "mysql+pymysql://app@db/app",
        "CACHE": "rediss://cache",
        "WORDS": "dbname=app host=db user=app",
        "PGSERVICE": "live",
        "PGSYSCONFDIR": "/etc",
        "NAMED": "of mobius.toml",
        "JDBC": "jdbc:postgresql://db/app",
    }
    stays = {"PGOPTIONS": "-c x=y", "API_URL": "https://example.org", "MODE": "fast", "HOST": "0.0.0.0"}
    ours = {"OURS": "postgresql://scratch"}
    left = without_other_databases({**leads, **stays, **ours}, ["OURS"], ["NAMED"], files=False)
    assert left == {**stays, **ours}


def test_where_a_file_is_tried_an_address_of_a_file_stays() -> None:
    files = {"DATABASE_URL": "sqlite:////srv/app.db", "APP_DSN": "file:app.db", "DB_URL": "data/app.db"}
    env = {**files, "OTHER_DATABASE_URL": "postgresql://db/app", "MY_DSN": "unknown://db/app"}
    assert without_other_databases(env, [], [], files=True) == files
