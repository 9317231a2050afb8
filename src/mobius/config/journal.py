"""The settings of the journal: a file beside the releases, or a database that several machines share."""

from __future__ import annotations

from typing import Any

from mobius.config.kinds import Choice, Text
from mobius.config.mistakes import Mistakes, Place
from mobius.config.rows import VARIABLE
from mobius.config.table import Field, Section, with_defaults_of
from mobius.config.tree import Tree, at
from mobius.model.settings import JournalSettings

JOURNAL = Section(
    "journal",
    with_defaults_of(
        JournalSettings,
        Field(
            "kind",
            Choice(("sqlite", "postgres")),
            "`sqlite`: a file in `root`. `postgres`: a database that several machines share.",
        ),
        Field(
            "url_env",
            VARIABLE,
            "`postgres`: the variable with its address; the password may be in a .pgpass file.",
        ),
        Field(
            "schema",
            Text("a name of a-z, 0-9 and _, at most 60", r"[a-z_][a-z0-9_]{0,59}"),
            "`postgres`: the schema there, one for each service.",
        ),
    ),
    "Where everything that happens is written down.",
)


def check_journal(journal: dict[str, Any], tree: Tree, around: Place, mistakes: Mistakes) -> None:
    """An address where one is needed, and none where nobody would read it."""
    kind, variable, schema = (at(tree, "journal", key) for key in ("kind", "url_env", "schema"))
    if journal["kind"] == "postgres":
        if not journal["url_env"]:
            where = kind.place if kind else Place(f"{around.path}.journal", around.file, around.line)
            mistakes.add(where, '"postgres" needs url_env, the name of the variable that holds its address')
        if schema and str(schema.value).startswith("pg_"):
            mistakes.add(schema.place, "begins with pg_, which PostgreSQL keeps for itself")
        return
    for given in (variable, schema):
        if given is not None:
            mistakes.add(given.place, 'means nothing without kind = "postgres"')
