"""`logs/quality/`: whole reports by the time they were made, and not more than are to be kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.quality_archive import NAME, Archive

TEXTS = {"json": "{}\n", "html": "<p>", "xml": "<testsuites/>"}
AT = 1_795_300_000.0


def test_a_report_is_three_files_by_one_name_that_the_operations_guide_would_give_it(tmp_path: Path) -> None:
    made = Archive(tmp_path / "logs", 10).write(TEXTS, AT)
    assert NAME.fullmatch(made.name)
    stem = made.name.removesuffix(".xml")
    assert {file.name for file in made.parent.iterdir()} == {
        ".gitignore",
        *(f"{stem}.{ending}" for ending in TEXTS),
    }
    assert made.read_text() == TEXTS["xml"]


def test_two_within_a_second_do_not_share_a_name(tmp_path: Path) -> None:
    archive = Archive(tmp_path, 10)
    first, second = archive.write(TEXTS, AT), archive.write({**TEXTS, "xml": "two"}, AT)
    assert first != second and NAME.fullmatch(second.name)
    assert (first.read_text(), second.read_text()) == (TEXTS["xml"], "two")


def test_the_oldest_go_and_nothing_else_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.xml").write_text("")
    archive = Archive(tmp_path, 3)
    for seconds in range(12):
        newest = archive.write(TEXTS, AT + seconds // 11)
    left = sorted(file.name for file in tmp_path.glob("*_quality.*"))
    assert len(left) == 9
    assert newest.exists() and (tmp_path / "mine.xml").exists()


def test_a_folder_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(OSError):
        Archive(tmp_path / "logs", 3).write(TEXTS, AT)
    assert [file.name for file in tmp_path.iterdir()] == ["logs"]
