"""What git says of a project, and what is made of it where git cannot say."""

from __future__ import annotations

from pathlib import Path

from init.samples import git_in
from mobius.adapters.repository import changed_in, git, untracked_in


def committed(folder: Path) -> Path:
    (folder / "app.py").write_text("1\n")
    git_in(folder, "init", "-q", ".")
    git_in(folder, "add", "-A")
    git_in(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "one")
    return folder


def test_tracked_files_with_changes_are_listed(tmp_path: Path) -> None:
    folder = committed(tmp_path)
    assert changed_in(folder) == []
    (folder / "app.py").write_text("2\n")
    (folder / "new.py").write_text("")
    assert len(changed_in(folder)) == 1


def test_where_git_cannot_say_what_was_changed_nobody_takes_it_for_nothing(tmp_path: Path) -> None:
    folder = committed(tmp_path)
    (folder / ".git" / "index").write_bytes(b"broken")
    assert git(folder, "rev-parse", "HEAD")
    assert changed_in(folder) == ["?? git status failed"]


def test_a_folder_without_a_repository_has_no_tracked_files(tmp_path: Path) -> None:
    assert changed_in(tmp_path) == []


def test_files_that_no_commit_has_are_named_whatever_they_are_called(tmp_path: Path) -> None:
    folder = committed(tmp_path)
    assert untracked_in(folder) == ()
    (folder / ".gitignore").write_text("*.log\n")
    for name in ("a new\nline.js", "old.log", "-x"):
        (folder / name).write_text("")
    assert untracked_in(folder) == ("-x", ".gitignore", "a new\nline.js")
