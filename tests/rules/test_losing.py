"""Whether going back loses anything: a table of what a comparison may have found."""

from __future__ import annotations

import pytest

from mobius.model.loss import Comparison, PathChange, TableChange
from mobius.rules.losing import Loss, Lost, judge_loss

SAME = TableChange("app.db", "posts", 3, 3, added=0, changed=0, removed=0)
MORE = TableChange("app.db", "posts", 3, 5, added=3, changed=1, removed=1)
COUNTED = TableChange("app.db", "log", 3, 9, counted_only="it has no primary key")
FEWER = TableChange("app.db", "log", 9, 3, counted_only="it has no primary key")
AS_MANY = TableChange("app.db", "log", 9, 9, counted_only="it has no primary key")
EMPTY = TableChange("app.db", "log", 0, 0, counted_only="it has no primary key")
UNSEEN = TableChange("app.db", "log", 9, None, counted_only="no time left to compare")
NEW = TableChange("app.db", "tags", None, 0, added=0, changed=0, removed=0, is_new=True)
NEW_COUNTED = TableChange("app.db", "tags", None, 4, counted_only="no room", is_new=True)
FILES = PathChange("data", 1, 2, 3)
NO_FILES = PathChange("data", 0, 0, 0)
UNREAD = PathChange("data", 0, 0, 0, counted_only="no time")


@pytest.mark.parametrize(
    ("tables", "paths", "notes", "lost"),
    [
        ([], [], [], Lost(Loss.NOTHING, 0, 0, 0, 0, 0, True)),
        ([SAME, EMPTY], [NO_FILES], [], Lost(Loss.NOTHING, 0, 0, 0, 0, 0, True)),
        ([SAME, MORE], [NO_FILES], [], Lost(Loss.SOMETHING, 3, 1, 1, 1, 0, True)),
        ([COUNTED], [], [], Lost(Loss.SOMETHING, 6, 0, 0, 1, 0, False)),
        ([FEWER], [], [], Lost(Loss.SOMETHING, 0, 0, 6, 1, 0, False)),
        ([AS_MANY], [], [], Lost(Loss.UNKNOWN, 0, 0, 0, 1, 0, False)),
        ([UNSEEN], [], [], Lost(Loss.UNKNOWN, 0, 0, 0, 1, 0, False)),
        ([NEW], [], [], Lost(Loss.SOMETHING, 0, 0, 0, 1, 0, True)),
        ([NEW_COUNTED], [], [], Lost(Loss.SOMETHING, 4, 0, 0, 1, 0, False)),
        ([SAME], [FILES], [], Lost(Loss.SOMETHING, 0, 0, 0, 0, 6, True)),
        ([SAME], [UNREAD], [], Lost(Loss.UNKNOWN, 0, 0, 0, 0, 0, False)),
        ([SAME], [NO_FILES], ["pg was not compared"], Lost(Loss.UNKNOWN, 0, 0, 0, 0, 0, False)),
        ([MORE, AS_MANY], [FILES], [], Lost(Loss.SOMETHING, 3, 1, 1, 2, 6, False)),
    ],
)
def test_what_was_found_and_what_it_means(
    tables: list[TableChange], paths: list[PathChange], notes: list[str], lost: Lost
) -> None:
    assert judge_loss(Comparison("b.zip", 0.0, tuple(tables), tuple(paths), tuple(notes))) == lost
