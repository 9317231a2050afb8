"""Data files in a scratch place: a copy or nothing, where a release finds them; nothing of what is live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mobius.adapters.places import Places
from mobius.adapters.scratch.files import (
    covered,
    laid_out,
    mount_points,
    taken_away,
    why_not_as_it_is,
    why_not_covered,
)
from mobius.model.settings import BackupSettings, EnvironmentSettings, MigrationSettings, ReleaseSettings


class Ground:
    """A project with data of its own, linked and beside; `moved` are the places of the scratch root."""

    def __init__(self, folder: Path) -> None:
        self.project, self.place = folder / "project", folder / "place"
        self.root = self.project / ".mobius/staging"
        for path in ("uploads/cat.png", "state.json", ".mobius/staging/shared/data/app.db"):
            self.write(self.project / path, "live")
        self.place.mkdir()
        self.settings = EnvironmentSettings(
            name="staging",
            url="http://127.0.0.1:5002",
            root=self.root,
            release=ReleaseSettings(link=("data",)),
            backup=BackupSettings(paths=("data", "uploads", "state.json")),
        )
        self.places = Places(self.project, self.root, ("data",))
        self.moved = Places(self.project, self.place / "root", ("data",))

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def backup(self) -> Path:
        """As an archive is extracted."""
        copy = self.place / "copy"
        for path in ("data/data/app.db", "data/uploads/cat.png", "data/state.json"):
            self.write(copy / path, "copy")
        return copy


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_the_files_of_the_backup_lie_where_a_release_finds_them(ground: Ground) -> None:
    (bound,) = laid_out(ground.settings, ground.places, ground.moved, ground.place, ground.backup())
    assert bound.at == ground.project / "uploads"
    assert (bound.source / "cat.png").read_text() == "copy"
    assert ground.moved.resolve("data/app.db").read_text() == "copy"
    assert ground.places.resolve("data/app.db").read_text() == "live"


def test_without_a_backup_empty_folders_cover_what_is_live(ground: Ground) -> None:
    (bound,) = laid_out(ground.settings, ground.places, ground.moved, ground.place, None)
    assert bound.at == ground.project / "uploads" and list(bound.source.iterdir()) == []
    kept = covered(ground.settings, ground.places, [bound])
    assert kept.backup.paths == (
        "data",
        "uploads",
    )  # a file among what is checked out is nobody's scratch data


def test_a_database_beside_mobius_toml_is_covered_with_its_folder_which_is_gone_at_the_end(
    ground: Ground,
) -> None:
    settings = replace(ground.settings, migrations=MigrationSettings(database="var/db/app.db"))
    bound = laid_out(settings, ground.places, ground.moved, ground.place, None)
    assert [each.at for each in bound] == [ground.project / "uploads", ground.project / "var/db"]
    with mount_points(bound):
        assert (ground.project / "var/db").is_dir()
    assert not (ground.project / "var").exists() and (ground.project / "uploads/cat.png").exists()
    assert why_not_covered(settings, ground.places) == ""


def test_a_database_among_what_is_checked_out_cannot_be_covered(ground: Ground) -> None:
    settings = replace(ground.settings, migrations=MigrationSettings(database="app.db"))
    assert "among what is checked out" in why_not_covered(settings, ground.places)


def test_as_it_is_a_release_migrates_no_file_of_anybody_and_leaves_none(ground: Ground) -> None:
    settings = replace(ground.settings, migrations=MigrationSettings(database="var/app.db"))
    assert why_not_as_it_is(settings, ground.places) == ""
    with taken_away(settings, ground.places):
        ground.write(ground.project / "var/app.db", "made")
        ground.write(ground.project / "var/app.db-wal", "made")
    assert not (ground.project / "var").exists()
    ground.write(ground.project / "var/app.db", "somebody's")
    assert "somebody's" in why_not_as_it_is(settings, ground.places)


def test_one_that_was_made_meanwhile_by_its_own_folder_stays_with_what_else_is_there(ground: Ground) -> None:
    settings = replace(ground.settings, migrations=MigrationSettings(database="var/app.db"))
    with taken_away(settings, ground.places):
        ground.write(ground.project / "var/app.db", "made")
        ground.write(ground.project / "var/notes.txt", "of a person")
    assert [path.name for path in (ground.project / "var").iterdir()] == ["notes.txt"]
