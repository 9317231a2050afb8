"""What git says of a folder: asked as its owner, and nothing in it is written."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mobius.adapters.adopting import history


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "app"
    made.mkdir()
    (made / "server.js").write_text("x")
    git(made, "init", "-q")
    git(made, "add", "-A")
    git(made, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "one")
    git(made, "tag", "v1")
    return made


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def test_a_tag_counts_only_where_nothing_was_changed(tree: Path) -> None:
    assert history.tag_of(tree) == "v1" and len(history.commit_of(tree)) == 40
    (tree / "server.js").write_text("y")
    assert history.tag_of(tree) == ""


def test_the_index_of_a_repository_is_left_alone(tree: Path) -> None:
    (tree / "server.js").touch()
    before = (tree / ".git" / "index").stat().st_mtime_ns
    history.tag_of(tree)
    assert (tree / ".git" / "index").stat().st_mtime_ns == before


def test_what_no_release_brings_is_named(tree: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(tree), str(tmp_path / "clone"))
    for name in ("data", "node_modules"):
        (tree / name).mkdir()
    (tree / ".env").touch()
    assert history.only_in(tree, tmp_path / "clone") == (".env", "data")
    assert history.is_repository(tmp_path / "clone") and history.is_repository(tree / "data")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can ask as somebody else")
def test_a_repository_of_somebody_else_runs_nothing_as_root(tree: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):  # pytest's own, for its user alone
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    told = tmp_path / "told"
    told.mkdir(mode=0o777)
    told.chmod(0o777)
    git(tree, "config", "core.fsmonitor", f"id -u > {told}/who; false")
    subprocess.run(["chown", "-R", "65534:65534", str(tree)], check=True)
    history.tag_of(tree)
    who = told / "who"
    assert who.read_text() == "65534\n"
    assert len(history.commit_of(tree)) == 40
