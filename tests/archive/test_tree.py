"""The walk gives every path in the archive's order, whatever the sources are and however many paths there are."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.archive import Skipped, Source, estimate
from mobius.archive import tree as tree_module
from mobius.archive.listing import Excludes, sorted_names
from mobius.archive.tree import Found, walk
from mobius.errors import MobiusError, UsageError


def members(*sources: Source) -> list[str]:
    return [each.member for each in walk(sources) if isinstance(each, Found)]


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def in_order(paths: list[str]) -> bool:
    keys = [path.encode().replace(b"/", b"\0") for path in paths]
    return keys == sorted(keys)


def test_a_folder_comes_before_what_it_holds_and_names_by_their_bytes(tmp_path: Path) -> None:
    make(tmp_path / "t", "a/b", "a!", "a-b/c", "B", "é", "z", "a.txt", "a/b!", "\U0001f600", "\uffff")
    assert members(Source("s", tmp_path / "t")) == [
        "s", "s/B", "s/a", "s/a/b", "s/a/b!", "s/a!", "s/a-b", "s/a-b/c", "s/a.txt", "s/z", "s/é", "s/\uffff",
        "s/\U0001f600",
    ]  # fmt: skip


def test_sources_are_merged_into_one_order(tmp_path: Path) -> None:
    make(tmp_path, "one/x", "one/z", "two/y", "three")
    found = members(
        Source("d/w", tmp_path / "three"), Source("d/two", tmp_path / "two"), Source("d", tmp_path / "one")
    )
    assert found == ["d", "d/two", "d/two/y", "d/w", "d/x", "d/z"]


def test_the_same_place_twice_is_refused_wherever_it_is(tmp_path: Path) -> None:
    make(tmp_path, "one/x", "two")
    with pytest.raises(UsageError, match=r"would both be d/x in the backup"):
        members(Source("d", tmp_path / "one"), Source("d/x", tmp_path / "two"))


def test_a_place_below_a_file_is_refused_also_with_others_between(tmp_path: Path) -> None:
    make(tmp_path, "file", "other", "more/x")
    with pytest.raises(UsageError, match=r"would be below .*file, which is not a directory"):
        members(
            Source("d", tmp_path / "file"), Source("d/a", tmp_path / "more"), Source("d!", tmp_path / "other")
        )


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)


@settings(max_examples=60, deadline=None)
@given(paths=st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=12))
def test_every_path_comes_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]]
) -> None:
    root = tmp_path_factory.mktemp("walk") / "t"
    root.mkdir()
    for parts in paths:
        try:
            root.joinpath(*parts[:-1]).mkdir(parents=True, exist_ok=True)
            root.joinpath(*parts).touch()
        except OSError:
            continue  # a file is there already, where this one needs a folder
    found = members(Source("s", root))
    there = {"s"} | {f"s/{path.relative_to(root)}" for path in root.rglob("*")}
    assert set(found) == there
    assert len(found) == len(there)
    assert in_order(found)


@pytest.mark.parametrize("run_names", [1, 2, 7, 20, 21, 1000])
def test_names_are_sorted_in_parts_when_they_are_many(tmp_path: Path, run_names: int) -> None:
    names = [f"{number % 5}-{number}" for number in range(18)] + ["line\nend", "ünï", "\n"]
    make(tmp_path, *names)
    assert list(sorted_names(str(tmp_path), run_names)) == sorted(names)


def test_a_name_that_no_text_holds_is_listed_in_parts_too(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).touch()
    make(tmp_path, "a", "b")
    assert list(sorted_names(str(tmp_path), 1)) == ["a", "b", "\udcff"]


@pytest.mark.parametrize(
    ("pattern", "out", "kept"),
    [
        ("node_modules", ["node_modules", "a/node_modules"], ["node_modules2"]),
        ("*.log", ["x.log", "a/y.log"], ["log"]),
        ("/logs", ["logs"], ["a/logs"]),
        ("logs/", ["logs", "a/logs"], ["alogs"]),
        ("a/*.js", ["a/b.js", "a/c/d.js"], ["b.js"]),
    ],
)  # fmt: skip
def test_patterns_mean_what_they_mean_in_a_gitignore(pattern: str, out: list[str], kept: list[str]) -> None:
    excludes = Excludes.of((pattern,))
    assert all(excludes.match(path, path.rsplit("/", 1)[-1]) for path in out)
    assert not any(excludes.match(path, path.rsplit("/", 1)[-1]) for path in kept)


def database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (a)")
        db.commit()


def test_what_only_looks_like_a_companion_is_kept(tmp_path: Path) -> None:
    make(tmp_path / "t", "text", "text-wal", "gone-wal", "-wal", "sub/x-shm")
    (tmp_path / "t" / "sub" / "x").mkdir()
    database(tmp_path / "t" / "app")
    make(tmp_path / "t", "app-wal", "app-shm", "app-journal", "app-wal2")
    assert members(Source("s", tmp_path / "t")) == [
        "s", "s/-wal", "s/app", "s/app-wal2", "s/gone-wal", "s/sub", "s/sub/x", "s/sub/x-shm", "s/text", "s/text-wal",
    ]  # fmt: skip


def test_companions_of_an_excluded_database_are_kept(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    database(tmp_path / "t" / "app")
    make(tmp_path / "t", "app-wal")
    assert members(Source("s", tmp_path / "t", ("app",))) == ["s", "s/app-wal"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named_before_the_backup(tmp_path: Path) -> None:
    make(tmp_path, "secret")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(MobiusError, match=r"secret cannot be backed up: Permission denied"):
        estimate([Source("s", tmp_path)])


def test_a_source_that_is_a_link_is_followed_and_links_inside_are_not(tmp_path: Path) -> None:
    make(tmp_path / "real", "f")
    (tmp_path / "real" / "again").symlink_to(".")
    (tmp_path / "named").symlink_to("real")
    assert members(Source("s", tmp_path / "named")) == ["s", "s/again", "s/f"]


def test_folders_without_end_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "_DEEPEST", 4)
    make(tmp_path, "a/b/c/f")
    with pytest.raises(MobiusError, match=r"a/b/c cannot be backed up: its folder is the 4th below another"):
        members(Source("s", tmp_path))
    assert members(Source("s", tmp_path / "a")) == ["s", "s/b", "s/b/c", "s/b/c/f"]


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    seen = list(walk([Source("s", tmp_path)]))
    assert [each for each in seen if isinstance(each, Skipped)] == [Skipped("s/pipe", "a pipe")]
