"""What each value of a `[[database]]` alone cannot tell: where it is, without a password, and what its engine needs."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from mobius.config.mistakes import Mistakes, Place
from mobius.config.tree import Leaf, Node, at, is_sound


def check_databases(rows: Node | None, mistakes: Mistakes) -> None:
    """Every mistake of every row; what rests on a value that is wrong by itself is not judged."""
    for row in rows if isinstance(rows, list) else ():
        name = row.get("name")
        if not isinstance(name, Leaf) or not is_sound(row):
            continue
        place = Place(name.place.path.rpartition(".")[0], name.place.file, name.place.line)
        url, variable = at(row, "url"), at(row, "url_env")
        if (url is None) == (variable is None):
            found = "url and url_env" if url else "neither url nor url_env"
            mistakes.add(place, f"found {found}, expected one of them")
        for leaf, instead in ((url, "url_env"), (at(row, "scratch_url"), "a .pgpass file")):
            if leaf is not None and has_password(leaf.value):
                mistakes.add(
                    leaf.place, f"holds a password, expected it in {instead}: this file is in every backup"
                )
        if url is not None and not urlsplit(url.value).path.strip("/") and "dbname=" not in url.value:
            mistakes.add(url.place, 'names no database, expected one at its end: "postgresql://host/dhash"')
        engine, stanza = at(row, "engine"), at(row, "stanza")
        if engine is not None and engine.value == "pgbackrest" and stanza is None:
            mistakes.add(engine.place, '"pgbackrest" needs stanza: the name it has for the server')
        if stanza is not None and (engine is None or engine.value != "pgbackrest"):
            mistakes.add(stanza.place, 'means nothing without engine = "pgbackrest"')


def has_password(url: str) -> bool:
    """Whether an address holds one, where a person would write it, or as libpq's parameter."""
    after = re.sub(r"^[^:]*://", "", url).split("/", 1)[0]
    user, at_sign, _ = after.rpartition("@")
    return bool(at_sign and ":" in user) or "password" in parse_qs(urlsplit(url).query)
