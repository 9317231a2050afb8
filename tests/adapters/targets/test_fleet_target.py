"""A fleet as one target, over hosts in memory: who runs what, who is put right, and who may not act any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.fleet.hosts import LOOK_WITHIN_S, OUT_WITHIN_S, QUIET_S, Hosts
from mobius.adapters.fleet.line import HostLost
from mobius.adapters.fleet.memory import MemoryHost, MemoryLine
from mobius.adapters.places import Places
from mobius.adapters.targets.fleet import FleetTarget
from mobius.errors import Fenced, MobiusError
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import Outcome

WEB = ProcessSettings("api", ("serve",))
MAIL = ProcessSettings("mail", ("mail",), kind="worker")
CRON = ProcessSettings("cron", ("tick",), kind="singleton")
ALL = (WEB, MAIL, CRON)
JOBS = ("worker", "singleton")


class Cut(MemoryLine):
    """A line that can be cut."""

    is_cut = False
    asked = 0
    within_s = 0.0

    def ask(self, verb, **asked):  # type: ignore[no-untyped-def]
        self.asked += 1
        self.within_s = asked.get("within_s", 0.0)
        if self.is_cut:
            raise HostLost(f"{self.name} is not reached: no answer in time", "look")
        return super().ask(verb, **asked)


class Ground:
    """web1 and web2 serve, jobs1 and jobs2 work; two of the four may be lost."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.clock = MemoryClock()
        self.root = folder / "root"
        self.settings = [
            HostSettings(name, f"deploy@{name}", 8001, roles=roles)
            for name, roles in {"web1": (), "web2": (), "jobs1": JOBS, "jobs2": JOBS}.items()
        ]
        self.lines = {host.name: Cut(MemoryHost(host.name)) for host in self.settings}
        for release_id in ("v1", "v2"):
            (self.root / "releases" / release_id).mkdir(parents=True)
            (self.root / "releases" / release_id / "note").write_text(release_id)

    def target(self, token: int = 1) -> FleetTarget:
        """As another process would have it."""
        settings = EnvironmentSettings("production", "http://x", self.root, target="ssh", processes=ALL)
        hosts = Hosts(
            self.settings,
            FleetSettings(failure_budget=2),
            self.root / "run",
            self.clock,
            lambda host: self.lines[host.name],
        )
        made = FleetTarget(settings, Places(self.root, self.root), {}, hosts, self.said.append)
        made.fence(token)
        return made

    def start(self, target: FleetTarget, release_id: str, slot: str) -> None:
        target.start(slot, release_id, self.root / "releases" / release_id, ALL)

    def runs(self, name: str) -> set[str]:
        return {f"{key}={one['release']}" for key, one in self.lines[name].host.seen.items()}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    yield Ground(tmp_path)


def test_a_worker_runs_on_every_host_of_its_role_and_a_singleton_on_one(ground: Ground) -> None:
    ground.start(ground.target(), "v1", "blue")
    assert ground.runs("web1") == ground.runs("web2") == {"blue/api=v1"}
    assert ground.runs("jobs1") == {"blue/mail=v1", "blue/cron=v1"}
    assert ground.runs("jobs2") == {"blue/mail=v1"}


def test_a_singleton_moves_when_its_host_is_lost_and_stays_when_that_is_back(ground: Ground) -> None:
    ground.start(ground.target(), "v1", "blue")
    ground.target().point_to("v1", "")
    ground.lines["jobs1"].is_cut = True
    ground.start(ground.target(2), "v1", "blue")
    assert ground.runs("jobs2") == {"blue/mail=v1", "blue/cron=v1"}
    ground.lines["jobs1"].is_cut = False
    ground.target(3).prepare()
    assert ground.runs("jobs1") == {"blue/mail=v1"}
    assert ground.runs("jobs2") == {"blue/mail=v1", "blue/cron=v1"}
    assert ground.said == ["jobs1: back in the fleet"]


def test_a_host_that_is_lost_while_it_is_started_gives_its_singleton_to_the_next(ground: Ground) -> None:
    target = ground.target()
    ground.lines["jobs1"].host.missing_commands.add("tick")
    ground.start(target, "v1", "blue")
    assert ground.runs("jobs2") == {"blue/mail=v1", "blue/cron=v1"}


def test_two_releases_of_a_singleton_never_run_on_two_hosts(ground: Ground) -> None:
    target = ground.target()
    ground.start(target, "v1", "blue")
    with pytest.raises(MobiusError, match="cron is a singleton and still runs in blue on jobs1"):
        target.start("green", "v2", ground.root / "releases" / "v2", [CRON])


def test_a_host_that_comes_back_with_an_old_release_runs_what_the_others_run(ground: Ground) -> None:
    ground.start(ground.target(), "v1", "blue")
    for name in ("web2", "jobs2"):
        ground.lines[name].is_cut = True
    target = ground.target(2)
    target.start("green", "v2", ground.root / "releases" / "v2", [WEB])
    target.stop("blue")
    ground.start(target, "v2", "green")
    target.point_to("v2", "")
    assert ground.runs("web2") == {"blue/api=v1"}
    for name in ("web2", "jobs2"):
        ground.lines[name].is_cut = False
    ground.target(3).prepare()
    assert ground.runs("web2") == ground.runs("web1") == {"green/api=v2"}
    assert ground.runs("jobs2") == {"green/mail=v2"}
    assert ground.said == ["web2, jobs2: back in the fleet"]


def test_a_host_that_is_put_right_takes_nothing_from_before(ground: Ground) -> None:
    ground.start(ground.target(), "v1", "blue")
    ground.target().point_to("v1", "")
    ground.lines["web2"].is_cut = True
    old = ground.target(2)
    ground.start(old, "v1", "blue")
    ground.lines["web2"].is_cut = False
    ground.target(5).prepare()
    with pytest.raises(Fenced):
        ground.lines["web2"].ask("stop", token=2, slot="blue", kinds=[])


def test_an_emergency_fences_every_host_and_says_whose_it_was(ground: Ground) -> None:
    cut_off = ground.target(7)
    ground.start(cut_off, "v1", "blue")
    assert ground.target(7).epoch().token == 7
    ground.target(8).fence(1 << 40, by="anna@laptop (pid 1)")
    with pytest.raises(Fenced, match=r"web1: an emergency of anna@laptop \(pid 1\) went past the journal"):
        cut_off.stop("blue")
    told = ground.target(1 << 40).epoch()
    assert (told.token, told.by) == (1 << 40, "anna@laptop (pid 1)")
    assert ground.runs("web1") == {"blue/api=v1"}


def test_going_back_waits_for_no_host_that_is_lost_in_the_middle_of_it(ground: Ground) -> None:
    target = ground.target()
    ground.start(target, "v1", "blue")
    assert target.leave_out_lost() == ()
    for name in ("web2", "jobs1", "jobs2"):  # more than the budget
        ground.lines[name].is_cut = True
    target.stop("green")
    target.point_to("v1", "")
    assert ground.lines["web1"].host.told["live"] == "v1"


def test_a_host_that_hangs_is_waited_for_once_by_whoever_only_looks(ground: Ground) -> None:
    target = ground.target()
    ground.start(target, "v1", "blue")
    ground.lines["web2"].is_cut = True
    before = ground.lines["web2"].asked
    for _ in range(3):
        target.processes()
        assert not target.hosts()[1].is_reached
    assert ground.lines["web2"].asked == before + 1
    ground.clock.wait(QUIET_S + 1)
    ground.lines["web2"].is_cut = False
    assert target.hosts()[1].is_reached


def test_an_emergency_waits_for_a_host_that_hangs_once(ground: Ground) -> None:
    target = ground.target()
    ground.start(target, "v1", "blue")
    ground.lines["web2"].is_cut = True
    before = ground.lines["web2"].asked
    target.epoch()
    target.fence(1 << 40, by="anna@laptop")
    target.leave_out_lost()
    assert ground.lines["web2"].asked == before + 1
    assert ground.lines["web1"].host.told["epoch"] == 1 << 40


def test_one_machine_under_two_names_is_refused_before_a_deployment(ground: Ground) -> None:
    ground.lines["web2"].host.name = "web1"  # the same folder of the same machine
    told = {one.name: one for one in ground.target().preflight()}
    assert told["host web2"].outcome is Outcome.FAIL
    assert "web2 and web1 are one machine and one folder" in told["host web2"].message


def test_a_host_whose_clock_is_far_off_is_named_before_a_deployment(ground: Ground) -> None:
    ground.clock.wait(40_000_000)
    now = ground.clock.now()
    ground.lines["web1"].host.now = now + 31_536_000
    ground.lines["web2"].host.now = now - 3_600
    ground.lines["jobs1"].host.now = now + 2
    told = {one.name: one for one in ground.target().preflight()}
    assert told["host web1"].message == "answers, Python 3.8.0, its clock is 365 d ahead"
    assert told["host web2"].message == "answers, Python 3.8.0, its clock is 1 h behind"
    assert told["host jobs1"].message == "answers, Python 3.8.0"
    assert told["host web1"].outcome is Outcome.PASS


def test_which_releases_are_live_and_previous_is_what_those_hosts_say_that_were_told_last(
    ground: Ground,
) -> None:
    target = ground.target(token=3)
    assert target.pointed() is None
    target.point_to("v2", "v1")
    ground.lines["web1"].host.told.update(epoch=2, live="v1", previous="v0")  # it was cut off meanwhile
    assert target.pointed() == ("v2", "v1")
    for line in ground.lines.values():
        line.is_cut = True
    assert target.pointed() is None


def test_a_plan_that_goes_on_without_a_host_says_which_and_how_many_may_fail(ground: Ground) -> None:
    ground.lines["web2"].is_cut = True
    told = {one.name: one for one in ground.target().preflight()}
    assert told["fleet"].message == (
        "goes on even without web2 (2 of 4 may fail): web2 is not reached: no answer in time"
    )


def test_a_host_that_is_out_keeps_nobody_who_looks_for_long(ground: Ground) -> None:
    target = ground.target()
    target.leave_out({"web2": "no answer in time"})
    target.hosts()
    assert ground.lines["web2"].within_s == OUT_WITHIN_S
    assert ground.lines["web1"].within_s == LOOK_WITHIN_S
