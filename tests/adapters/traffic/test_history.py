"""The history of switches: what held from when on, also after kills, torn lines, full disks and set clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from mobius.adapters.traffic import history
from mobius.adapters.traffic.history import Standing, history_file, read_history, switching

V1, V2 = {"blue": "v1"}, {"blue": "v1", "green": "v2"}
INFINITY = float("inf")


def at(*times: float) -> Callable[[], float]:
    rest = iter(times)
    return lambda: next(rest)


def switch(root: Path, times: Iterable[float], via: str = "blue", releases: dict[str, str] = V1) -> None:
    with switching(root, via=via, weights={via: 100}, releases=releases, now=at(*times)):
        pass


def test_each_switch_is_read_back_with_the_time_it_took(tmp_path: Path) -> None:
    switch(tmp_path, (10.0, 10.5))
    with switching(tmp_path, via="door", weights={"blue": 90, "green": 10}, releases=V2, now=at(20.0, 20.25)):
        pass

    assert read_history(tmp_path) == (
        Standing(10.0, 10.5, "blue", {"blue": 100}, V1),
        Standing(20.0, 20.25, "door", {"blue": 90, "green": 10}, V2),
    )


def test_no_file_is_no_history(tmp_path: Path) -> None:
    assert read_history(tmp_path) == ()


def test_a_switch_that_broke_is_not_known_to_be_done(tmp_path: Path) -> None:
    switch(tmp_path, (10.0, 10.5))
    with (
        pytest.raises(OSError, match="no rename"),
        switching(tmp_path, via="green", weights={"green": 100}, releases=V2, now=at(20.0)),
    ):
        raise OSError("no rename")

    assert read_history(tmp_path)[-1] == Standing(20.0, INFINITY, "green", {"green": 100}, V2)
    assert not read_history(tmp_path)[-1].is_done


def test_a_switch_made_again_after_a_kill_is_done_when_it_ends(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        switching(tmp_path, via="blue", weights={"blue": 100}, releases=V1, now=at(20.0)),
    ):
        raise KeyboardInterrupt
    switch(tmp_path, (30.0, 30.5))

    assert [(one.begun, one.done) for one in read_history(tmp_path)] == [(20.0, INFINITY), (30.0, 30.5)]


def test_torn_and_foreign_lines_are_left_out_and_the_next_one_is_read(tmp_path: Path) -> None:
    switch(tmp_path, (10.0, 10.5))
    with history_file(tmp_path).open("ab") as file:
        file.write(b'[1]\n{"done": "soon"}\n\xff\xfe\n{"begun": 15.0, "via": "gre')
    switch(tmp_path, (20.0, 20.5), "green", V2)

    assert [one.via for one in read_history(tmp_path)] == ["blue", "green"]


def test_a_clock_that_was_set_back_begins_a_new_history(tmp_path: Path) -> None:
    switch(tmp_path, (5000.0, 5000.5))
    switch(tmp_path, (100.0, 100.5), "green", V2)

    assert [one.begun for one in read_history(tmp_path)] == [100.0]


def test_a_disk_that_cannot_be_written_never_stops_a_switch(tmp_path: Path) -> None:
    history_file(tmp_path).mkdir(parents=True)
    moved = []

    with switching(tmp_path, via="blue", weights={"blue": 100}, releases=V1):
        moved.append("live")

    assert moved == ["live"]
    assert read_history(tmp_path) == ()


def test_the_file_keeps_the_newer_half_when_it_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LARGEST_BYTES", 4000)
    for number in range(100):
        switch(tmp_path, (number, number + 0.5))

    kept = [one.begun for one in read_history(tmp_path)]

    assert history_file(tmp_path).stat().st_size < 4500
    assert kept[-1] == 99.0
    assert kept[1:] == [
        float(number) for number in range(int(kept[0]) + 1, 100)
    ]  # the first may be half cut off
    assert history_file(tmp_path).stat().st_mode & 0o777 == 0o600
