"""Paths of mobius.toml mean the same for backups, migrations and environment files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.places import Places

PLACES = Places(Path("/p"), Path("/p/.mobius/production"), links=("data", "var/log"))


@pytest.mark.parametrize(
    ("named", "where"),
    [
        ("uploads", "/p/uploads"),
        ("./uploads", "/p/uploads"),
        ("shared", "/p/.mobius/production/shared"),
        ("shared/.env", "/p/.mobius/production/shared/.env"),
        ("./shared/.env", "/p/.mobius/production/shared/.env"),
        ("sharedstuff", "/p/sharedstuff"),
        ("data", "/p/.mobius/production/shared/data"),
        ("data/app.db", "/p/.mobius/production/shared/data/app.db"),
        ("database", "/p/database"),
        ("var/log/x", "/p/.mobius/production/shared/var/log/x"),
        ("var", "/p/var"),
        ("/srv/data", "/srv/data"),
    ],
)
def test_where_a_named_path_lies(named: str, where: str) -> None:
    assert PLACES.resolve(named) == Path(where)


def test_everything_of_an_environment_lies_in_its_root() -> None:
    for place in (PLACES.releases, PLACES.shared, PLACES.journal, PLACES.lock):
        assert place.is_relative_to(PLACES.root)
