"""Records and documents as they lie on a disk: missing, unreadable, odd, and in other encodings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mobius.adapters.readiness import LARGEST_TEXT, artifacts_in, found_in, texts_of
from mobius.rules.ready.artifacts import FILES

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def test_a_record_is_read_or_says_why_not(tmp_path: Path) -> None:
    folder = tmp_path / "premerge_artifacts"
    assert found_in(folder, "premerge.json").text is None
    assert found_in(folder, "premerge.json").problem == ""
    folder.mkdir()
    (folder / "premerge.json").write_bytes(b"\xef\xbb\xbf{}")
    found = found_in(folder, "premerge.json")
    assert (found.path, found.text) == ("premerge_artifacts/premerge.json", "{}")
    (folder / "scan.json").mkdir()
    assert found_in(folder, "scan.json").problem == "it is no file"
    (folder / "premerge.json").write_bytes(b"\xff{}")
    assert found_in(folder, "premerge.json").problem == "not UTF-8"


@pytest.mark.skipif(AS_ROOT or os.name != "posix", reason="whoever may read everything is refused nothing")
def test_a_record_that_may_not_be_read_is_not_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text("{}")
    (tmp_path / "scan.json").chmod(0)
    assert found_in(tmp_path, "scan.json").problem.startswith("it cannot be read")


def test_an_artefact_is_there_when_something_is_in_it(tmp_path: Path) -> None:
    for name in FILES[:3]:
        (tmp_path / name).write_text("said")
    (tmp_path / FILES[3]).touch()
    (tmp_path / FILES[4]).mkdir()
    assert [each.is_there for each in artifacts_in(tmp_path)] == [True, True, True, False, False]
    (tmp_path / FILES[4] / "production.log").write_text("a look")
    last = artifacts_in(tmp_path)[4]
    assert (last.name, last.is_there) == ("monitor_logs/", True)
    assert last.at == (tmp_path / FILES[4] / "production.log").stat().st_mtime


def test_documents_are_read_by_their_paths_and_what_is_no_text_is_passed_over(tmp_path: Path) -> None:
    @contextmanager
    def look_into(path: str) -> Iterator[Path]:
        yield tmp_path / path

    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "deep" / "a.md").write_text("text")
    (tmp_path / "docs" / "b.ps1").write_text("text", encoding="utf-16")
    (tmp_path / "docs" / "c.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "docs" / "d.md").symlink_to("/etc/passwd")
    (tmp_path / "docs" / "e.md").write_bytes(b"x" * (LARGEST_TEXT + 1))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "docs" / "f.md")
    (tmp_path / "README.md").write_text("read me")
    found = texts_of(look_into, ("docs", "README.md", "scripts"))
    assert found.texts == {"docs/b.ps1": "text", "docs/deep/a.md": "text", "README.md": "read me"}
    pipes = {"docs/f.md": "it is no file"} if hasattr(os, "mkfifo") else {}
    assert found.unread == {"docs/e.md": "larger than 1 MiB", **pipes}
