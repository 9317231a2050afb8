"""One tree with several configurations, on disk: nothing is copied, and nobody's tree goes away under him."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mobius.adapters.places import Places
from mobius.adapters.releases.sources import Files
from mobius.adapters.releases.store import ReleaseStore
from mobius.errors import GateFailed
from mobius.model.release import Release
from mobius.model.settings import ProcessSettings, ReleaseSettings
from mobius.ports import nothing

API = ProcessSettings("api", ("sh", "-c", "exec sleep 1"))


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    (tmp_path / "built" / "v1").mkdir(parents=True)
    (tmp_path / "built" / "v1" / "app.py").write_text("v1")
    settings = ReleaseSettings(build=(("sh", "-c", "pwd > built_in; echo >> ../builds"),))
    places = Places(tmp_path, tmp_path / "root")
    return ReleaseStore(places, settings, [API], Files(f"{tmp_path}/built/{{tag}}", ()))


def staged(store: ReleaseStore) -> Release:
    digest = store.find("v1").digest
    return store.stage(Release("v1-1a2b", "v1", "", digest, "c" * 64, staged_at=1.0), progress=nothing)


def builds(store: ReleaseStore) -> int:
    return len((store.path("x").parent / "builds").read_text().splitlines())


def test_the_tree_is_the_very_same_so_that_what_was_built_into_it_still_holds(store: ReleaseStore) -> None:
    first = staged(store)

    again = store.configure(replace(first, id="v1-1a2b+2"), [API])

    assert store.path(again.id).resolve() == store.path(first.id)
    assert (store.path(again.id) / "built_in").read_text().strip() == str(store.path(first.id))
    assert builds(store) == 1


def test_current_leads_to_the_tree_by_the_id_of_the_configuration(store: ReleaseStore) -> None:
    first = staged(store)
    again = store.configure(replace(first, id="v1-1a2b+2"), [API])

    store.point_to(again.id, first.id)

    root = store.path("x").parent.parent
    assert (root / "current" / "app.py").read_text() == "v1"
    assert (root / "VERSION").read_text() == "v1 v1-1a2b+2\n"


def test_the_same_tag_staged_once_more_never_touches_the_tree_that_a_restart_runs(
    store: ReleaseStore,
) -> None:
    first = staged(store)
    store.configure(replace(first, id="v1-1a2b+2"), [API])
    store.remove(first.id)
    inode = store.path(first.id).stat().st_ino

    again = store.stage(first, progress=nothing)

    assert store.is_staged(again.id)
    assert store.path(again.id).stat().st_ino == inode
    assert builds(store) == 1


def test_the_last_configuration_takes_the_tree_with_it(store: ReleaseStore) -> None:
    first = staged(store)
    store.configure(replace(first, id="v1-1a2b+2"), [API])

    store.remove(first.id)
    assert store.path(first.id).is_dir()
    store.remove("v1-1a2b+2")

    left = sorted(path.name for path in store.path("x").parent.iterdir())
    assert left == ["builds"]


def test_a_start_command_that_is_not_there_is_refused_and_leaves_nothing(store: ReleaseStore) -> None:
    first = staged(store)

    with pytest.raises(GateFailed, match="the start command of api is missing: bin/nothing"):
        store.configure(replace(first, id="v1-1a2b+2"), [replace(API, start=("bin/nothing",))])

    assert not store.is_staged("v1-1a2b+2")
    assert not store.path("v1-1a2b+2").is_symlink()


def test_a_tree_that_was_taken_over_in_place_is_configured_anew_and_never_removed(
    store: ReleaseStore, tmp_path: Path
) -> None:
    (tmp_path / "srv" / "inner").mkdir(parents=True)
    (tmp_path / "srv" / "inner").chmod(0o755)
    place = store.path("app-0")
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "srv")
    first = store.adopt(Release("app-0", "app", "", "d", "c", staged_at=1.0), [API])

    again = store.configure(replace(first, id="app-0+2"), [API])
    assert store.path(again.id).resolve() == tmp_path / "srv"
    store.remove(first.id)
    assert store.is_staged(again.id)
    store.remove(again.id)

    assert not place.is_symlink()
    assert (tmp_path / "srv" / "inner").stat().st_mode & 0o777 == 0o755
