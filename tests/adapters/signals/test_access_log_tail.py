"""Following a log: from its end on, every line once, over everything that logrotate and a full disk do to files."""

from __future__ import annotations

import gc
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobius.adapters.signals import access_log_tail
from mobius.adapters.signals.access_log_tail import Looked, Tail
from mobius.errors import MobiusError


class Reader:
    """A tail and all that it brought."""

    opened: ClassVar[list[Tail]] = []

    def __init__(self, path: Path, **how: int) -> None:
        self.tail = Tail(path, **how)
        self.opened.append(self.tail)
        self.lines: list[bytes] = []
        self.last = Looked()

    def look(self) -> list[bytes]:
        """What is new."""
        before = len(self.lines)
        self.last = self.tail.look(self.lines.append)
        return self.lines[before:]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "access.log"
    path.write_bytes(b"old 1\nold 2\n")
    yield path


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    while Reader.opened:
        Reader.opened.pop().close()


def open_files() -> list[str]:
    """What this process has open, by name."""
    links = Path("/proc/self/fd").iterdir()
    return [str(link.readlink()) for link in links if link.is_symlink()]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_what_was_there_before_is_not_news(log: Path) -> None:
    reader = Reader(log)
    assert reader.look() == []

    append(log, b"new 1\nnew 2\n")

    assert reader.look() == [b"new 1", b"new 2"]
    assert reader.look() == []


def test_a_partial_last_line_comes_whole_when_it_is_whole(log: Path) -> None:
    reader = Reader(log)
    append(log, b"one\nhal")
    assert reader.look() == [b"one"]
    append(log, b"f a li")
    assert reader.look() == []
    append(log, b"ne\n")

    assert reader.look() == [b"half a line"]


def test_the_rest_of_a_line_that_began_before_we_looked_is_left_out(log: Path) -> None:
    append(log, b"begun befo")
    reader = Reader(log)
    append(log, b"re\nnew\n")

    assert reader.look() == [b"new"]


def test_a_renamed_log_is_drained_and_the_new_one_read_from_its_beginning(log: Path) -> None:
    reader = Reader(log)
    append(log, b"1\n")
    assert reader.look() == [b"1"]
    append(log, b"2\n")
    moved = log.rename(log.with_name("access.log.1"))
    append(moved, b"3\n")  # the proxy has not reopened it yet
    log.write_bytes(b"4\n")
    assert reader.look() == [b"2", b"3", b"4"]
    append(moved, b"5\n")  # the last worker, late
    append(log, b"6\n")

    assert reader.look() == [b"5", b"6"]


def test_a_log_that_was_renamed_away_and_is_quiet_is_let_go(log: Path) -> None:
    reader = Reader(log)
    for number in range(20):
        append(log, b"%d\n" % number)
        log.rename(log.with_name("access.log.1"))
        log.write_bytes(b"")
        reader.look()
        append(log, b"%d+\n" % number)
        reader.look()
        reader.look()

    still_open = [name for name in open_files() if name.startswith(str(log.parent))]
    assert len(still_open) == 1
    assert reader.lines == [line for number in range(20) for line in (b"%d" % number, b"%d+" % number)]


def test_between_rename_and_create_there_is_no_log_and_nothing_is_lost(log: Path) -> None:
    reader = Reader(log)
    moved = log.rename(log.with_name("access.log.1"))
    append(moved, b"1\n")
    with pytest.raises(MobiusError, match=f"there is no access log {log}"):
        reader.look()
    log.write_bytes(b"2\n")

    assert reader.look() == [b"2"]
    assert reader.lines == [b"1", b"2"]


def test_a_truncated_log_is_read_from_its_new_beginning_and_that_is_said(log: Path) -> None:
    reader = Reader(log)
    append(log, b"1\n2\n3\n")
    reader.look()
    shutil.copyfile(log, log.with_name("access.log.1"))
    os.truncate(log, 0)
    append(log, b"4\n")

    assert reader.look() == [b"4"]
    assert reader.last.remarks == ["the log was truncated; what was written just before may be lost"]


def test_a_log_that_was_truncated_and_has_outgrown_its_old_size_is_noticed(log: Path) -> None:
    reader = Reader(log)
    append(log, b"1\n")
    reader.look()
    os.truncate(log, 0)
    append(log, b"".join(b"line %d\n" % number for number in range(50)))

    assert reader.look() == [b"line %d" % number for number in range(50)]
    assert len(reader.last.remarks) == 1


def test_a_writer_that_does_not_append_leaves_a_hole_which_is_no_line(log: Path) -> None:
    with log.open("r+b") as writer:
        writer.seek(0, os.SEEK_END)
        reader = Reader(log)
        writer.write(b"1\n")
        writer.flush()
        assert reader.look() == [b"1"]
        os.truncate(log, 0)
        writer.write(b"2\n3\n")
        writer.flush()
        found = reader.look()

    assert [line.strip(b"\0") for line in found] == [b"2", b"3"]


def test_no_log_is_no_measurement_and_a_log_that_appears_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    reader = Reader(log)
    with pytest.raises(MobiusError) as caught:
        reader.look()
    assert (caught.value.message, caught.value.hint) == (
        f"there is no access log {log}",
        "check access_log in [traffic]",
    )
    log.write_bytes(b"first\n")

    assert reader.look() == [b"first"]


def test_a_log_that_may_not_be_read_is_told_and_its_old_lines_are_not_news_later(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open

    def refuse(path: object, *rest: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(access_log_tail.os, "open", refuse)  # root may read anything
    reader = Reader(log)
    with pytest.raises(MobiusError) as caught:
        reader.look()
    monkeypatch.setattr(access_log_tail.os, "open", really_open)
    assert caught.value.message == f"the access log {log} cannot be read: Permission denied"
    assert caught.value.hint == "let the user that mobius runs as read it (its group is often adm)"

    assert reader.look() == []
    append(log, b"new\n")
    assert reader.look() == [b"new"]


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_told_and_nothing_stays_open(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "access.log"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    reader = Reader(path)
    before = len(open_files())
    for _ in range(5):
        with pytest.raises(MobiusError, match="it is no regular file"):
            reader.look()

    assert len(open_files()) == before


def test_a_hundred_megabytes_between_two_looks_are_mostly_skipped_and_counted(log: Path) -> None:
    reader = Reader(log, most_bytes=1_000_000)
    line = b"x" * 99 + b"\n"
    with log.open("ab") as file:
        for _ in range(1000):
            file.write(line * 1000)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = 0

    def take(one: bytes) -> None:
        nonlocal count
        assert one == line[:-1]
        count += 1

    looked = reader.tail.look(take)

    assert looked.skipped_bytes == 99_000_000
    assert looked.lines == count
    assert 9_999 <= count <= 10_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 20_000
    append(log, line)
    assert reader.look() == [line[:-1]]


def test_a_line_without_an_end_is_given_once_and_its_rest_passed_over(log: Path) -> None:
    reader = Reader(log)
    append(log, b"y" * 200_000)
    first = reader.look()
    append(log, b"y" * 500_000)
    assert reader.look() == []
    append(log, b"y\nnext\n")

    assert [len(line) > 64 * 1024 for line in first] == [True]
    assert reader.look() == [b"next"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    acts=st.lists(
        st.sampled_from(["line", "half", "empty", "rotate", "create late", "look", "look"]),
        min_size=1,
        max_size=30,
    )
)
def test_whatever_happens_every_line_comes_once_and_in_order(
    acts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = folder / "access.log"
    log.write_bytes(b"old\n")
    reader, written, file = Reader(log), [b""], log.open("ab", buffering=0)
    for number, act in enumerate(acts):
        match act:
            case "line" | "half":
                written[-1] += b"%d" % number
                file.write(b"%d" % number)
                if act == "line":
                    file.write(b"\n")
                    written.append(b"")
            case "empty":
                file.write(b"\n")
                if written[-1]:
                    written.append(b"")
            case "rotate":
                file.write(b"end\n")
                written[-1] += b"end"
                written.append(b"")
                reader.look()  # two rotations between two looks lose the file in the middle, as the docs say
                log.rename(folder / "access.log.1")
                file.close()
                file = log.open("ab", buffering=0)
            case "create late":
                reader.look()
                log.rename(folder / "access.log.1")
                file.write(b"late\n")
                written[-1] += b"late"
                written.append(b"")
                file.close()
                with pytest.raises(MobiusError):
                    reader.look()
                file = log.open("ab", buffering=0)
            case _:
                reader.look()
    file.write(b"last\n")
    written[-1] += b"last"
    file.close()
    reader.look()
    reader.tail.close()

    assert reader.lines == written


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads what is open from /proc")
def test_whoever_is_forgotten_holds_no_file_open(log: Path) -> None:
    tail = Tail(log)
    assert str(log) in open_files()
    del tail
    gc.collect()
    assert str(log) not in open_files()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads what is open from /proc")
def test_a_file_that_is_let_go_twice_takes_no_other_with_it(log: Path) -> None:
    file = access_log_tail._File(log, from_the_end=False)
    file.close()
    with log.open("rb") as other:  # has the number of the first
        file.close()
        assert other.read(3) == b"old"
