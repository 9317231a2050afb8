"""An adopted release is a link to a folder that was never ours: nothing of it is ever removed or changed."""

from __future__ import annotations

from pathlib import Path

from mobius.adapters.places import Places
from mobius.adapters.releases.tree import remove_tree, tree_digest


def folder(at: Path) -> Path:
    (at / "data").mkdir(parents=True)
    (at / "server.js").write_text("x")
    (at / "data" / "kept").write_text("kept")
    (at / "data").chmod(0o750)
    return at


def test_removing_it_takes_the_link_alone(tmp_path: Path) -> None:
    theirs = folder(tmp_path / "app")
    link = tmp_path / "adopted-1"
    link.symlink_to(theirs)
    remove_tree(link)
    assert not link.is_symlink()
    assert (theirs / "data" / "kept").read_text() == "kept"
    assert (theirs / "data").stat().st_mode & 0o777 == 0o750


def test_data_that_every_release_shares_does_not_count_for_what_it_is(tmp_path: Path) -> None:
    theirs = folder(tmp_path / "app")
    before = tree_digest(theirs, without=("data",))
    (theirs / "data" / "more").write_text("more")
    assert tree_digest(theirs, without=("data",)) == before != tree_digest(theirs)
    (theirs / "server.js").write_text("y")
    assert tree_digest(theirs, without=("data",)) != before


def test_linked_data_is_backed_up_and_restored_where_it_lies(tmp_path: Path) -> None:
    theirs = folder(tmp_path / "app")
    places = Places(tmp_path, tmp_path / "root", ("data",))
    places.shared.mkdir(parents=True)
    (places.shared / "data").symlink_to(theirs / "data")
    assert places.resolve("data") == theirs / "data"
    assert places.resolve("data/kept").read_text() == "kept"
