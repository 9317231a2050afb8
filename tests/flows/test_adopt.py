"""Taking over and giving back, killed after every single effect: the service answers all the time, and every file is
either as it was or as planned in the end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mobius.adapters.adopting import kept as keeping
from mobius.adapters.adopting.kept import Kept
from mobius.adapters.checks.memory import bad, good
from mobius.adapters.traffic.memory import MemoryTraffic
from mobius.errors import GateFailed, Locked, MobiusError
from mobius.flows import adopt as adopting
from mobius.flows import give_back
from mobius.flows.adopting import World as Outside
from mobius.model.adoption import Adoption, FileChange
from mobius.model.release import Release, ReleaseState
from mobius.model.verdict import CheckResult
from mobius.ports import Counters, CountsPartial, Ports
from world import SETTINGS, WEB, Killed, World

OLD, NEW = b"dial 3000\n", b"dial mobius\n"
LINK = {"wants/app.service": "1 ../app.service"}


class Around:
    """A machine with one service behind one proxy. `say` collects what a person is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "root").mkdir(parents=True)
        self.site, self.toml = folder / "site", folder / "mobius.toml"
        self.site.write_bytes(OLD)
        self.site.chmod(0o640)
        os.utime(self.site, ns=(10**18 + 7, 10**18 + 7))
        self.loaded = OLD  # what the proxy runs with, whatever its file says
        self.running = self.enabled = True
        self.installed = False
        self.refuses_file = self.broken_door = self.broken_toml = False
        self.said: list[str] = []
        self.world = World(replace(SETTINGS, processes=(WEB,)))
        self.plan = plan(folder)

    # -- the outside ------------------------------------------------------------------------------------------------

    def outside(self) -> Outside:
        """Everything as a new process would find it."""
        return Outside(
            keeper=_Counted(Kept(self.folder / "root"), (), self),
            machine=_Counted(_Machine(self), ("start", "disable", "link", "reload_proxy"), self),
            house=self._house,
            now=self.world.clock.now,
            wait=self.world.clock.wait,
            tell=self.said.append,
            counting=contextlib.nullcontext,
        )

    def _house(self) -> Any:
        if not self.toml.exists() or self.broken_toml:
            raise MobiusError("there is no mobius.toml")
        names = ("install", "uninstall", "register", "open_up", "forget")
        return _Counted(_House(self), names, self)

    @property
    def ports(self) -> Ports:
        """Those of the world, with a proxy before its traffic."""
        return replace(self.world.ports, checks=_Checks(self), traffic=_Traffic(self))

    def answered_by_mobius(self) -> bool | None:
        """Which way a request goes; None when it gets no answer."""
        if NEW not in self.loaded:
            return False if self.running else None
        is_up = self.installed and self.world.live_tag != "" and self.running and not self.broken_door
        return True if is_up else None

    # -- what a person does -------------------------------------------------------------------------------------------

    def adopt(self) -> None:
        """The command, or the command again."""
        record = Kept(self.folder / "root").record()
        if record is None:
            adopting.adopt(self.plan, LINK, self.outside())
        elif record.phase == "begun":
            adopting.finish(record, self.outside())

    def undo(self, **how: bool) -> None:
        """Where nothing is adopted there is nothing to undo."""
        record = Kept(self.folder / "root").record()
        if record is not None:
            give_back.undo(record, self.outside(), **how)

    # -- how it must stand --------------------------------------------------------------------------------------------

    def assert_adopted(self) -> None:
        assert (self.site.read_bytes(), self.loaded, self.toml.read_bytes()) == (NEW, NEW, b"toml\n")
        assert self.answered_by_mobius() is True
        assert (self.running, self.enabled) == (True, False)
        (live,) = self.world.journal.releases("production")
        assert (live.id, live.state, live.accepted, live.slot) == (
            "v1-adopted",
            ReleaseState.LIVE,
            True,
            "blue",
        )
        assert self.world.releases.current() == ("v1-adopted", "")
        record = Kept(self.folder / "root").record()
        assert record is not None and record.phase == "adopted"

    def assert_as_before(self) -> None:
        found = self.site.stat()
        assert (self.site.read_bytes(), self.loaded) == (OLD, OLD)
        assert (found.st_mode & 0o7777, found.st_mtime_ns) == (0o640, 10**18 + 7)
        assert self.answered_by_mobius() is False
        assert (self.running, self.enabled, self.installed) == (True, True, False)
        assert not self.toml.exists()
        assert Kept(self.folder / "root").record() is None
        live = [r for r in self.world.journal.releases("production") if r.state is ReleaseState.LIVE]
        assert live == []
        left = {path.name for path in self.folder.rglob("*")} - {"root", "site", "adopting.lock"}
        assert left == set()


def plan(folder: Path) -> Adoption:
    return Adoption(
        service="dhash",
        environment="production",
        unit="app.service",
        enabled="enabled",
        port=3000,
        process="web",
        release_id="v1-adopted",
        tag="v1",
        tree="/srv/app",
        root=str(folder / "root"),
        url="memory://live",
        health="/health",
        proxy="nginx",
        proxy_unit="nginx.service",
        proxy_config=str(folder / "site"),
        proxy_user="",
        proxy_files=(FileChange(str(folder / "site"), OLD, NEW),),
        project_files=(FileChange(str(folder / "mobius.toml"), None, b"toml\n"),),
    )


class _Machine:
    def __init__(self, around: Around) -> None:
        self.around = around

    def is_active(self, unit: str) -> bool:
        return self.around.running

    def start(self, unit: str) -> None:
        self.around.running = True

    def disable(self, unit: str, enabled: str) -> None:
        self.around.enabled = False

    def link(self, links: Mapping[str, str]) -> None:
        assert links == LINK
        self.around.enabled = True

    def check_proxy(self, plan: Adoption) -> None:
        if self.around.refuses_file:
            raise MobiusError("nginx does not take its files", details=("unknown directive",))

    def reload_proxy(self, plan: Adoption) -> None:
        self.around.loaded = self.around.site.read_bytes()

    def reaches(self, plan: Adoption) -> str:
        return ""

    def answers(self, plan: Adoption) -> bool:
        return self.around.running


class _House:
    def __init__(self, around: Around) -> None:
        self.around = around
        self.ports = around.ports

    def install(self) -> None:
        self.around.installed = True

    def uninstall(self) -> None:
        self.around.installed = False
        self.around.world.target.stop("blue")
        self.around.world.target.stop("green")

    def register(self, plan: Adoption) -> Release:
        release = Release(plan.release_id, plan.tag, "", "", "")
        self.around.world.releases.adopt(release)
        return release

    def open_up(self, plan: Adoption) -> None:
        pass

    def forget(self, plan: Adoption) -> None:
        self.around.world.releases.remove(plan.release_id)


class _Checks:
    def __init__(self, around: Around) -> None:
        self.around = around

    def health(self, base_url: str) -> CheckResult:
        if base_url != "memory://live":
            return good()
        way = self.around.answered_by_mobius()
        if way:
            counted = self.around.world.traffic.counted
            counted["v1-adopted"] = Counters(
                counted.get("v1-adopted", Counters(0, 0, ())).requests + 1, 0, ()
            )
        return bad(message="502") if way is None else good()


class _Traffic(MemoryTraffic):
    """The world's own, which forgets its weights with its units."""

    def __init__(self, around: Around) -> None:
        self.__dict__ = around.world.ports.traffic.inner.__dict__
        self.around = around


class _Counted:
    """Each of these effects may be the last one before a kill."""

    def __init__(self, inner: Any, names: tuple[str, ...], around: Around) -> None:
        self._inner, self._names, self._around = inner, names, around

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        return self._then_maybe_die(name, value) if name in self._names else value

    def _then_maybe_die(self, name: str, value: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            answer = value(*args)
            self._around.world.after("adopt", name)
            return answer

        return call


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Around:
    made = Around(tmp_path)
    _count_writes(made, monkeypatch)
    return made


def _count_writes(around: Around, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write of every file is an effect, also those in between."""
    real = keeping._replace

    def replace_and_maybe_die(path: Path, *how: Any) -> None:
        real(path, *how)
        around.world.after("file", path.name)

    monkeypatch.setattr(keeping, "_replace", replace_and_maybe_die)


def effects_of(act: Callable[[], None], around: Around) -> int:
    around.world.effects.clear()
    act()
    return len(around.world.effects)


def test_a_service_is_taken_over_and_given_back(around: Around) -> None:
    around.adopt()
    around.assert_adopted()
    assert [event.kind for event in around.world.journal.events(environment="production")] == ["adopted"]
    around.undo()
    around.assert_as_before()
    assert around.said[-1] == "stopping and removing mobius's own units"


def test_killed_after_any_effect_it_is_finished_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Around(tmp_path / "whole")
    _count_writes(first, monkeypatch)
    effects = effects_of(first.adopt, first)
    assert effects > 12
    for n in range(1, effects + 1):
        around = _killed_while_adopting(tmp_path / f"finish-{n}", n, monkeypatch)
        around.adopt()
        around.assert_adopted()


def test_killed_after_any_effect_it_can_be_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Around(tmp_path / "whole")
    _count_writes(first, monkeypatch)
    for n in range(1, effects_of(first.adopt, first) + 1):
        around = _killed_while_adopting(tmp_path / f"undo-{n}", n, monkeypatch)
        around.undo()
        if (
            Kept(around.folder / "root").record() is None
            and not (around.folder / "root" / "adopted").exists()
        ):
            around.assert_as_before()
        else:  # it was killed before anything was written down: nothing had been changed
            assert around.site.read_bytes() == around.loaded == OLD
            around.adopt()
            around.assert_adopted()


def _killed_while_adopting(folder: Path, effects: int, monkeypatch: pytest.MonkeyPatch) -> Around:
    around = Around(folder)
    _count_writes(around, monkeypatch)
    around.world.die_after(effects)
    with pytest.raises(Killed):
        around.adopt()
    assert around.answered_by_mobius() is not None, "the service must answer all the time"
    return around


def test_killed_after_any_effect_of_giving_back_it_is_given_back_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Around(tmp_path / "whole")
    _count_writes(first, monkeypatch)
    first.adopt()
    for n in range(1, effects_of(first.undo, first) + 1):
        around = Around(tmp_path / f"{n}")
        _count_writes(around, monkeypatch)
        around.adopt()
        around.world.die_after(n)
        with pytest.raises(Killed):
            around.undo()
        assert around.answered_by_mobius() is not None
        around.undo()
        around.assert_as_before()


def test_what_the_proxy_does_not_take_is_put_back(around: Around) -> None:
    real, around.refuses_file = around.refuses_file, True

    def takes_the_old_one(plan: Adoption) -> None:
        if around.site.read_bytes() != OLD:
            raise MobiusError("nginx does not take its files", details=("unknown directive",))

    around.refuses_file = real
    outside = around.outside()
    outside.machine._inner.check_proxy = takes_the_old_one  # type: ignore[attr-defined]
    with pytest.raises(MobiusError) as caught:
        adopting.adopt(around.plan, LINK, outside)
    assert (
        str(caught.value) == "app.service was not adopted: nginx does not take its files\n  unknown directive"
    )
    assert caught.value.hint == "everything is as it was, byte for byte; mend that, then mobius adopt again"
    around.assert_as_before()


def test_a_service_that_does_not_answer_through_mobius_is_put_back(around: Around) -> None:
    around.broken_door = True
    with pytest.raises(MobiusError, match="is not well after the reload: 502"):
        around.adopt()
    around.broken_door = False
    around.assert_as_before()


def test_a_bug_of_ours_puts_everything_back_too(around: Around, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Machine, "reload_proxy", _breaks_once(_Machine.reload_proxy))
    with pytest.raises(MobiusError, match="ZeroDivisionError"):
        around.adopt()
    around.assert_as_before()


def _breaks_once(real: Callable[..., None]) -> Callable[..., None]:
    broken: list[int] = []

    def call(*args: Any) -> None:
        if not broken:
            broken.append(1)
            raise ZeroDivisionError
        real(*args)

    return call


def test_a_file_that_changed_since_it_was_shown_is_left_alone(around: Around) -> None:
    around.site.write_bytes(b"theirs\n")
    with pytest.raises(MobiusError, match="changed just now, by somebody else"):
        around.adopt()
    assert around.site.read_bytes() == b"theirs\n" and not around.installed


def test_what_somebody_added_since_stays_and_only_our_lines_go(around: Around) -> None:
    around.adopt()
    around.site.write_bytes(b"# mine\n" + NEW + b"more\n")
    around.undo()
    assert around.site.read_bytes() == around.loaded == b"# mine\n" + OLD + b"more\n"
    assert "only mobius's own lines are taken back" in "\n".join(around.said)


def test_what_somebody_changed_in_our_place_is_refused_unless_forced(around: Around) -> None:
    around.adopt()
    around.site.write_bytes(b"dial something else\n")
    with pytest.raises(GateFailed, match="was changed since, by somebody else, just where mobius changed it"):
        around.undo()
    assert around.loaded == NEW and around.answered_by_mobius()
    around.undo(force=True)
    assert (around.folder / "root" / "site.before-undo").read_bytes() == b"dial something else\n"
    (around.folder / "root" / "site.before-undo").unlink()
    around.assert_as_before()


def test_a_mobius_toml_that_was_changed_since_stays(around: Around) -> None:
    around.adopt()
    around.toml.write_bytes(b"toml\nmore\n")
    around.undo()
    assert around.toml.read_bytes() == b"toml\nmore\n"
    around.toml.unlink()
    around.assert_as_before()


def test_it_is_given_back_without_mobius_toml_too(around: Around) -> None:
    around.adopt()
    around.toml.unlink()
    around.undo()
    around.assert_as_before()


def test_with_a_broken_mobius_toml_all_but_our_own_units_is_given_back(around: Around) -> None:
    around.adopt()
    around.broken_toml = True
    around.undo()
    assert (around.site.read_bytes(), around.loaded, around.running, around.enabled) == (OLD, OLD, True, True)
    assert (
        "mobius.toml cannot be used, so mobius's own units are left: there is no mobius.toml" in around.said
    )


def test_a_service_that_was_stopped_by_a_deployment_runs_before_the_proxy_is_turned(around: Around) -> None:
    around.adopt()
    around.running = False
    around.undo()
    around.assert_as_before()
    assert around.said[-3:] == [
        "starting app.service",
        "reloading nginx, once",
        "stopping and removing mobius's own units",
    ]


def test_a_run_at_work_is_not_disturbed(around: Around) -> None:
    around.adopt()
    around.world.begin(around.world.plan("v2"))
    with pytest.raises(Locked, match="is at work"):
        give_back.leaving(around.outside())


def test_whoever_acts_keeps_an_undo_away(around: Around) -> None:
    around.adopt()
    with around.world.lock.held(), pytest.raises(Locked):
        around.undo()
    assert around.loaded == NEW and around.answered_by_mobius()
    around.undo()
    around.assert_as_before()


def test_a_damaged_record_is_said_and_nothing_is_touched(around: Around) -> None:
    around.adopt()
    record = around.folder / "root" / "adopted" / "record.json"
    record.write_text(record.read_text().replace('"unit": "app.service"', '"unit": "other.service"'))
    with pytest.raises(MobiusError, match="its checksum does not match"):
        around.undo()
    assert around.loaded == NEW


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    one, other = Kept(tmp_path), Kept(tmp_path)
    with one.held(), pytest.raises(Locked, match="another mobius adopt is at work here"), other.held():
        pass
    with other.held():
        pass


def test_an_event_is_written_of_both(around: Around) -> None:
    around.adopt()
    around.undo()
    events = around.world.journal.events(environment="production")
    assert [(event.kind, event.message) for event in events] == [
        ("adopted", "app.service was adopted as v1-adopted, in place"),
        ("given back", "app.service was given back, as it was"),
    ]


def test_counts_that_are_partial_for_a_moment_neither_fail_an_adoption_nor_end_the_wait_of_a_way_back(
    around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = _Traffic.counters, []

    def counters(traffic: _Traffic) -> Any:
        asked.append(traffic)
        if len(asked) <= 2:
            raise CountsPartial("a front door process did not answer")
        return real(traffic)

    monkeypatch.setattr(_Traffic, "counters", counters)
    around.adopt()
    around.assert_adopted()
    assert len(asked) > 2
    asked.clear()
    around.undo()
    around.assert_as_before()
    assert len(asked) > 2
