"""The gate on films in the window: each new one once, none that is still written, and silence that is not health."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.adapters.media.films import FilmGate
from mobius.model.sample import WAITING
from mobius.model.verdict import CheckResult, Outcome


class Clock:
    """Moves only when somebody waits; `meanwhile` happens then."""

    def __init__(self) -> None:
        self.at, self.meanwhile = 0.0, lambda: None

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += seconds
        self.meanwhile()


Asked = list[str]
Make = Callable[..., FilmGate]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked() -> Asked:
    return []


@pytest.fixture
def gate(tmp_path: Path, clock: Clock, asked: Asked) -> Make:
    def judge(file: Path) -> tuple[CheckResult, ...]:
        asked.append(file.name)
        good = b"good" in file.read_bytes()
        return (
            CheckResult("sound", Outcome.PASS if good else Outcome.FAIL, "too quiet", 1.0),
            CheckResult("picture", Outcome.PASS, "there is a picture", 1.0),
        )

    def make(every_s: float | None = None) -> FilmGate:
        return FilmGate("gate:media", str(tmp_path / "*.mp4"), judge, clock, 0.0, every_s)

    return make


def put(folder: Path, name: str, content: str, at: int) -> None:
    (folder / name).write_text(content)
    os.utime(folder / name, (at, at))


def test_each_new_film_is_judged_once(gate: Make, tmp_path: Path, asked: Asked) -> None:
    films = gate()
    waiting = films.ask()
    assert waiting is not None and waiting.note == WAITING and waiting.missing
    put(tmp_path, "a.mp4", "good one", 10)
    first = films.ask()
    assert first is not None and first.ok is True
    assert films.ask() is None
    os.utime(tmp_path / "a.mp4", (20, 20))  # touched: the same film
    assert films.ask() is None
    put(tmp_path, "b.mp4", "bad one", 30)
    second = films.ask()
    assert second is not None and (second.ok, second.note) == (False, "b.mp4: sound: too quiet")
    assert asked == ["a.mp4", "b.mp4"]


def test_another_film_of_the_same_content_counts_and_is_not_measured_again(
    gate: Make, tmp_path: Path, asked: Asked
) -> None:
    films = gate()
    put(tmp_path, "a.mp4", "bad", 10)
    assert films.ask() is not None
    put(tmp_path, "b.mp4", "bad", 20)
    again = films.ask()
    assert again is not None and again.ok is False
    assert asked == ["a.mp4"]


def test_a_film_that_still_grows_is_not_judged(
    gate: Make, tmp_path: Path, clock: Clock, asked: Asked
) -> None:
    films = gate()
    put(tmp_path, "a.mp4", "good", 10)

    def grow() -> None:
        with (tmp_path / "a.mp4").open("a") as film:
            film.write("more")

    clock.meanwhile = grow
    said = films.ask()
    assert said is not None and said.missing and asked == []
    clock.meanwhile = lambda: None
    done = films.ask()
    assert done is not None and done.ok is True


def test_a_film_that_is_overwritten_while_it_is_measured_is_judged_when_it_is_whole(
    tmp_path: Path, clock: Clock
) -> None:
    """Half of one film and half of another is neither."""
    rounds = []

    def judge(file: Path) -> tuple[CheckResult, ...]:
        rounds.append(file.read_text())
        if len(rounds) == 1:
            put(tmp_path, "a.mp4", "the next", 20)
        return (CheckResult("sound", Outcome.PASS, "fine", 1.0),)

    films = FilmGate("gate:media", str(tmp_path / "*.mp4"), judge, clock, 0.0, None)
    put(tmp_path, "a.mp4", "the first", 10)
    assert films.ask() is not None  # still waiting
    said = films.ask()
    assert said is not None and said.ok is True
    assert rounds == ["the first", "the next"]


def test_no_film_for_longer_than_one_is_due_is_no_health(gate: Make, tmp_path: Path, clock: Clock) -> None:
    films = gate(60.0)
    put(tmp_path, "a.mp4", "good", 10)
    assert films.ask() is not None
    assert films.ask() is None
    clock.at += 61
    late = films.ask()
    assert late is not None and late.ok is None and "one is due every 60 s" in late.missing
    assert late.note != WAITING
