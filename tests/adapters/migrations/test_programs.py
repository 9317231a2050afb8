"""Which program is started for a migration: that of the release before that of the system."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.migrations.programs import found_in, tree_around
from mobius.adapters.places import Places


def program(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("folder", ["venv/bin", ".venv/bin", "node_modules/.bin", "bin"])
def test_a_program_is_looked_for_in_the_release_first(tmp_path: Path, folder: str) -> None:
    tree, system = tmp_path / "tree", tmp_path / "system"
    program(system / "tool")
    own = program(tree / folder / "tool")
    assert found_in(tree, ["tool", "up"], tree, str(system)) == [own, "up"]
    assert found_in(tree, [f"{folder}/tool"], tree / "elsewhere", "") == [own]


def test_what_is_not_in_the_release_is_that_of_the_system(tmp_path: Path) -> None:
    system = program(tmp_path / "system" / "tool")
    assert found_in(tmp_path / "tree", ["tool"], tmp_path, str(tmp_path / "system")) == [system]
    assert found_in(tmp_path / "tree", ["no-tool"], tmp_path, str(tmp_path / "system")) == ["no-tool"]
    assert found_in(tmp_path / "tree", ["/bin/sh"], tmp_path, "") == ["/bin/sh"]


def test_python_may_be_called_python3(tmp_path: Path) -> None:
    system = program(tmp_path / "system" / "python3")
    assert found_in(tmp_path, ["python", "manage.py"], tmp_path, str(tmp_path / "system")) == [
        system,
        "manage.py",
    ]
    own = program(tmp_path / "venv" / "bin" / "python")
    assert found_in(tmp_path, ["python"], tmp_path, str(tmp_path / "system")) == [own]


def test_the_tree_of_a_release_is_found_from_any_folder_in_it(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path / ".mobius" / "production")
    tree = places.releases / "v1-1a2b"
    assert tree_around(tree, places) == tree_around(tree / "site" / "migrations", places) == tree
    assert tree_around(tmp_path / "elsewhere", places) == tmp_path / "elsewhere"
