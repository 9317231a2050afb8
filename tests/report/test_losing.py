"""What a person reads before saying yes to going back with data."""

from __future__ import annotations

import pytest

from mobius.model.loss import Comparison, PathChange, TableChange
from mobius.report.losing import losing_sentence, losing_text

NOW = 1_800_000_000.0
FOUND = Comparison(
    "shop_20270115_000000.zip",
    NOW - 7200,
    (
        TableChange("data/app.db", "log", 1000, 9000, counted_only="it has no primary key"),
        TableChange("data/app.db", "posts", 5, 8, added=4, changed=2, removed=1),
        TableChange("data/app.db", "same", 3, 3, added=0, changed=0, removed=0),
        TableChange("data/app.db", "tags", None, 2, added=2, changed=0, removed=0, is_new=True),
        TableChange("data/app.db", "votes", 7, None, added=0, changed=0, removed=7, is_gone=True),
    ),
    (PathChange("data", 1, 1, 0, ("+ a.png", "~ b.png")), PathChange("uploads", 0, 0, 0)),
    ("pg could not be counted: no answer",),
)


def test_tables_and_paths_one_by_one_with_what_could_not_be_told() -> None:
    first, *lines = losing_text(FOUND, NOW).splitlines()
    assert first.startswith("Written since shop_20270115_000000.zip (2 h ago, ")
    assert lines == [
        "  data/app.db",
        "    log: 1,000 rows then, 9,000 rows now; counted only, it has no primary key",
        "    posts: 4 added, 2 changed, 1 removed (of 8 rows)",
        "    tags: new since, 2 rows; would be gone",
        "    votes: not there now; comes back with 7 rows",
        "  data: files: 1 added, 1 changed",
        "    + a.png",
        "    ~ b.png",
        "  uploads: files are as in the backup",
        "  1 table is as in the backup",
        "  not compared: pg could not be counted: no answer",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line) for line in losing_text(FOUND, NOW, width).splitlines()) <= width


@pytest.mark.parametrize(
    ("loss", "rows", "files", "exact", "sentence"),
    [
        ("nothing", (0, 0, 0), 0, True, "Nothing was written since"),
        ("unknown", (0, 0, 0), 0, False, "Whether anything was written since could not be told"),
        ("something", (1, 0, 0), 0, True, "1 new row would go"),
        (
            "something",
            (1200, 2, 1),
            3,
            False,
            "At least 1,200 new rows would go, 2 rows would be as before, 1 removed row would come back,"
            " 3 files would be as before",
        ),
        ("something", (0, 0, 0), 0, True, "The tables themselves would change"),
    ],
)
def test_the_sentence_of_the_question(
    loss: str, rows: tuple[int, int, int], files: int, exact: bool, sentence: str
) -> None:
    assert losing_sentence(loss, rows, files, exact=exact) == sentence
