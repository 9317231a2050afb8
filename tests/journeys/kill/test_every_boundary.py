"""The complete matrix: a kill before and after every single write of a deployment, a rollback, and a release that
is taken back by itself. Slow: it is run by `make test-slow`; its last table is in `../README.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journeys.kill.field import Field, Strike
from journeys.service import Service

pytestmark = [pytest.mark.journey, pytest.mark.slow]

KILLS = [
    pytest.param("runner", "before", 1, id="runner-before"),
    pytest.param("runner", "after", 1, id="runner-after"),
    pytest.param("host", "after", 1, id="host"),
    pytest.param("door", "after", 1, id="door"),
]


class Fields:
    """The field of one row of the matrix: a new one after each case that failed, and a list of those."""

    def __init__(self, folder: Path, window: str) -> None:
        self._folder, self._window = folder, window
        self._made: list[Field] = []
        self.complaints: list[str] = []
        self.struck = 0

    def present(self) -> Field:
        if not self._made or self._made[-1].broken:
            self.close()
            service = Service(self._folder / f"field{len(self._made)}", window=self._window, interval="200ms")
            self._made.append(Field(service))
            self._made[-1].begin()
        return self._made[-1]

    def close(self) -> None:
        for one in self._made:
            one.service.close()

    def try_each(self, numbers: range, case: Callable[[Field, int], str]) -> None:
        """Runs `case` at each number; it returns the write that was struck, "" where the moment never came."""
        for number in numbers:
            ground = self.present()
            try:
                struck = case(ground, number)
            except AssertionError as complaint:
                ground.broken = True
                label = (ground.folder / "struck-0").read_text() if ground.has_struck() else "?"
                print(f"write {number} ({label}): {complaint}")
                self.complaints.append(f"write {number} ({label}): {complaint}")
                continue
            self.struck += bool(struck)
        print(f"{self.struck} kills, {len(self.complaints)} complaints")  # for the table in the README


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Callable[[str], Fields]]:
    made: list[Fields] = []

    def make(window: str) -> Fields:
        made.append(Fields(tmp_path, window))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.close()


@pytest.mark.parametrize(("who", "when", "every"), KILLS)
def test_a_deployment_ends_well_wherever_it_is_struck(
    rows: Callable[[str], Fields], who: str, when: str, every: int
) -> None:
    fields = rows("600ms")

    def case(ground: Field, number: int) -> str:
        done, _ = ground.deploy(Strike(who=who, when=when, number=number))
        run = ground.settled()
        if (
            run["state"] == "inconclusive" and done.code == 4
        ):  # struck in the window: too little was seen of it
            ground.service.mobius("accept", expect=0)
        else:
            assert done.code == 0, f"{done}\n{ground.service.log()}"
        ground.start_a_house_that_nobody_needed()
        ground.assert_all_is_well(ground.tags[-1], states=["accepted", "inconclusive"], switches=1)
        return ground.struck_write()

    fields.try_each(range(1, _count(fields, "accepted") + 1, every), case)
    assert fields.complaints == []


@pytest.mark.parametrize(("who", "when", "every"), KILLS)
def test_a_rollback_ends_well_wherever_it_is_struck(
    rows: Callable[[str], Fields], who: str, when: str, every: int
) -> None:
    fields = rows("600ms")

    def case(ground: Field, number: int) -> str:
        before = ground.live
        ground.deploy(Strike(who="nobody"))
        done, _ = ground.rollback(Strike(who=who, when=when, number=number))
        assert done.code == 0, f"{done}\n{ground.service.log()}"
        ground.assert_all_is_well(before, states=["observing", "accepted", "inconclusive"], switches=1)
        return ground.struck_write()

    writes = _count(fields, "window opened", going_back=True)
    fields.try_each(range(1, writes + 2, every), case)
    assert fields.complaints == []


@pytest.mark.parametrize(("who", "when", "every"), KILLS)
def test_a_bad_release_is_taken_back_wherever_that_is_struck(
    rows: Callable[[str], Fields], who: str, when: str, every: int
) -> None:
    fields = rows("3s")

    def case(ground: Field, number: int) -> str:
        before = ground.live
        done, _ = ground.deploy_a_bad_one(Strike(who=who, when=when, number=number))
        assert done.code == 12, f"{done}\n{ground.service.log()}"
        ground.assert_all_is_well(before, states=["rolled back"], switches=2)
        return ground.struck_write()

    ground = fields.present()
    ground.deploy_a_bad_one(Strike(who="nobody"))
    ground.assert_all_is_well(ground.live, states=["rolled back"], switches=2)
    writes = ground.writes()
    fields.try_each(range(writes.index("window opened") + 1, len(writes) + 1, every), case)
    assert fields.complaints == []


def _count(fields: Fields, last: str, *, going_back: bool = False) -> int:
    """How many writes there are up to the last one of this name, when nobody is struck."""
    ground = fields.present()
    before = ground.live
    ground.deploy(Strike(who="nobody"))
    if going_back:
        ground.rollback(Strike(who="nobody"))
    ground.assert_all_is_well(before if going_back else ground.tags[-1], switches=1)
    return ground.writes().index(last) + 1
