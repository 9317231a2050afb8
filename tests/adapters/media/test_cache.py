"""What is known from before: whole or not at all, of this very film only, and never too much."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobius.adapters.media.cache import Cache
from mobius.adapters.media.memory import MemoryExecutor
from mobius.adapters.media.probing import digest
from mobius.adapters.media.remembering import Remembering
from mobius.errors import GateFailed, GateUnknown

KEY = "ab" * 32
TOLD = {"integrated_lufs": -16.0, "curve": [[3.0, -16.5]], "none": None}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path: Path, said: list[str]) -> Cache:
    return Cache(tmp_path / "cache", say=said.append)


def entry(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "ab" / f"{KEY}.json"


def test_what_was_kept_is_known_and_version_control_leaves_it_alone(cache: Cache, tmp_path: Path) -> None:
    assert cache.known(KEY) is None
    cache.keep(KEY, TOLD)
    assert cache.known(KEY) == TOLD
    assert (tmp_path / "cache" / ".gitignore").read_text() == "*\n"
    assert [file.name for file in entry(tmp_path).parent.iterdir()] == [entry(tmp_path).name]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=3)))
def test_a_broken_entry_is_as_good_as_none_and_said(
    cache: Cache, tmp_path: Path, said: list[str], how: Any
) -> None:
    cache.keep(KEY, TOLD)
    whole = entry(tmp_path).read_bytes()
    at, new = how if isinstance(how, tuple) else (0, how)
    broken = whole[:at] + new + whole[at + len(new) :] if isinstance(how, tuple) else new
    entry(tmp_path).write_bytes(broken)
    said.clear()
    known = cache.known(KEY)
    assert known == TOLD or (known is None and said and "broken" in said[0])


def test_an_entry_that_was_cut_or_is_of_another_key_is_not_known(
    cache: Cache, tmp_path: Path, said: list[str]
) -> None:
    cache.keep(KEY, TOLD)
    other = "ac" * 32
    (tmp_path / "cache" / "ac").mkdir()
    entry(tmp_path).rename(tmp_path / "cache" / "ac" / f"{other}.json")
    assert cache.known(other) is None
    cache.keep(KEY, TOLD)
    told = json.loads(entry(tmp_path).read_text())
    entry(tmp_path).write_text(json.dumps({**told, "told": {**TOLD, "integrated_lufs": -99.0}}))
    assert cache.known(KEY) is None
    assert len(said) == 2


def test_what_was_not_needed_for_longest_goes_first_and_what_was_never_finished(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", say=print, most_bytes=6_000)
    keys = [f"{number:02}" * 32 for number in range(10)]
    for age, key in enumerate(keys):
        cache.keep(key, "x" * 800)
        os.utime(tmp_path / "cache" / key[:2] / f"{key}.json", (1_000 + age, 1_000 + age))
    half = tmp_path / "cache" / "00" / "begun.new"
    half.touch()
    os.utime(half, (1_000, 1_000))
    assert cache.known(keys[0]) is not None  # it is the newest now
    cache.prune()
    left = [key for key in keys if cache.known(key) is not None]
    assert left == [keys[0], *keys[-len(left) + 1 :]]
    assert 3 <= len(left) <= 5
    assert not half.exists()


def test_a_folder_that_cannot_be_written_is_said_and_nothing_else(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = Cache(tmp_path / "file", say=said.append)
    cache.keep(KEY, TOLD)
    assert said[0].startswith("a measurement cannot be remembered: ")
    assert cache.known(KEY) is None


class Films:
    """A film, who measures it, and what is known."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "a.mp4"
        self.file.write_bytes(b"film")
        self.cache = Cache(folder / "cache", say=print)
        self.executor = MemoryExecutor(self.measure)
        self.during = lambda: None
        self.lies = ""

    def measure(self, job: str, file: Path, options: Mapping[str, Any]) -> Any:
        self.during()
        return {"sha256": self.lies or digest(file), "options": dict(options)}

    def ask(self, job: str = "probe", **options: Any) -> tuple[Any, bool]:
        return Remembering(self.executor, self.cache).answer(job, self.file, options)


@pytest.fixture
def films(tmp_path: Path) -> Films:
    return Films(tmp_path)


def test_the_same_film_is_measured_once_and_another_again(films: Films) -> None:
    assert [films.ask()[1], films.ask()[1], films.ask(deep=True)[1]] == [False, True, False]
    films.file.write_bytes(b"FILM")
    assert [films.ask()[1], films.ask()[1]] == [False, True]
    films.file.write_bytes(b"film")
    assert films.ask()[1]
    assert len(films.executor.asked) == 3


def test_nothing_is_known_without_a_cache_and_nothing_that_writes(films: Films) -> None:
    for _ in range(2):
        assert not Remembering(films.executor, None).answer("probe", films.file, {})[1]
        assert not films.ask("golden", act="take")[1]
    assert len(films.executor.asked) == 4


def test_a_film_that_changes_meanwhile_or_is_another_elsewhere_is_not_measured(films: Films) -> None:
    films.during = lambda: films.file.write_bytes(b"changed") and None
    with pytest.raises(GateUnknown, match=r"a\.mp4 changed while it was measured"):
        films.ask()
    films.during = lambda: None
    films.lies = "0" * 64
    with pytest.raises(GateUnknown, match="is another file where it was measured"):
        films.ask()
    films.lies = ""
    assert not films.ask()[1]


def test_troubles_are_not_remembered(films: Films) -> None:
    def fail() -> None:
        raise GateFailed("no sound", "render it again")

    films.during = fail
    for _ in range(2):
        with pytest.raises(GateFailed):
            films.ask()
    assert len(films.executor.asked) == 2
    films.file.unlink()
    films.during = lambda: None
    with pytest.raises(GateUnknown):
        films.ask()
