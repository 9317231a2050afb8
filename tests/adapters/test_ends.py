"""The end of a log, in whole lines: a secret that was cut in two would pass for something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters import ends
from mobius.adapters.ends import Followed, end_of, whole
from mobius.adapters.redaction import SHOWN, redactor

SECRET = "canary-of-the-log-9a"


@pytest.mark.parametrize("most", range(8, 90))
def test_wherever_the_end_begins_no_part_of_a_secret_is_left(tmp_path: Path, most: int) -> None:
    log = tmp_path / "web.log"
    log.write_text(f"first\nthe password is {SECRET}\nlast é\n")

    said = redactor({SECRET})(end_of(log, most))

    assert "canary" not in said and "log-9a" not in said
    assert said in log.read_text().replace(SECRET, SHOWN)


def test_a_file_that_is_small_is_told_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_bytes(b"one\ntwo")
    assert (end_of(log, 7), end_of(log, 6), end_of(log, 3)) == ("one\ntwo", "two", "two")
    assert whole(b"ne\ntwo\n") == "two\n"


def test_who_follows_gets_lines_when_they_have_ended_and_each_once(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text(f"before\npassword {SECRET[:9]}")
    followed = Followed(log)
    assert followed.fresh() == ""
    with log.open("a") as writing:
        writing.write(SECRET[9:])
        writing.flush()
        assert followed.fresh() == ""
        writing.write("\nnext\nbegun")
    assert redactor({SECRET})(followed.fresh()) == f"password {SHOWN}\nnext\n"
    assert followed.fresh() == ""
    log.write_text("anew\n")
    assert followed.fresh() == "anew\n"


def test_a_line_without_an_end_is_told_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "LONGEST_LINE", 4)
    log = tmp_path / "web.log"
    log.write_bytes(b"")
    followed = Followed(log)
    log.write_bytes(b"abcdefg\n")
    assert [followed.fresh(), followed.fresh(), followed.fresh()] == ["abcd", "efg\n", ""]
