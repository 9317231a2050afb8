"""A host that is bad stays out until it is put back; then it was started anew and runs what the others run."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.targets.test_fleet_target import Ground
from mobius.errors import MobiusError


@pytest.fixture
def webs(tmp_path: Path) -> Ground:
    """Both releases are up on both web hosts, as in a window."""
    made = Ground(tmp_path)
    target = made.target()
    made.start(target, "v1", "blue")
    target.stop("blue", ["worker", "singleton"])
    made.start(target, "v2", "green")
    target.point_to("v2", "v1")
    return made


def test_a_bad_host_takes_no_part_and_a_run_that_prepares_leaves_it_out(webs: Ground) -> None:
    webs.target(2).leave_out({"web2": "it fails"})
    target = webs.target(3)
    target.prepare()
    assert target.left_out() == ("web2",)
    assert set(target.slot_urls("green")) == {"web1"}
    seen = {host.name: host for host in target.hosts()}
    assert (seen["web2"].is_reached, seen["web2"].is_bad, seen["web2"].why) == (True, True, "it fails")
    assert webs.runs("web2") == {"blue/api=v1", "green/api=v2"}, "left as it is, for whoever looks"


def test_left_out_twice_it_is_out_once_and_more_than_the_budget_is_refused(webs: Ground) -> None:
    target = webs.target(2)
    target.leave_out({"web2": "it fails"})
    first = next(host for host in target.hosts() if host.name == "web2").absent_since
    webs.clock.wait(60)
    target.leave_out({"web2": "it fails again"})
    assert next(host for host in target.hosts() if host.name == "web2").absent_since == first
    target.leave_out({"jobs1": "it fails"})
    with pytest.raises(MobiusError, match="2 may fail, 3 of 4 are out"):
        target.leave_out({"jobs2": "it fails"})
    assert set(target.left_out()) == {"web2", "jobs1"}


def test_on_a_way_back_a_bad_host_is_left_out_whatever_the_budget(webs: Ground) -> None:
    target = webs.target(2)
    target.leave_out({"web2": "it fails", "jobs1": "it fails"})
    target.leave_out_lost()
    target.leave_out({"jobs2": "it fails"})
    assert set(target.left_out()) == {"web2", "jobs1", "jobs2"}
    with pytest.raises(MobiusError):
        target.leave_out({"web1": "it fails"})


def test_put_right_it_runs_what_the_others_run_started_anew_and_is_still_out(webs: Ground) -> None:
    target = webs.target(2)
    target.leave_out({"web2": "it fails"})
    before = {key: one["pid"] for key, one in webs.lines["web2"].host.seen.items()}
    assert target.put_right() == ("web2",)
    assert webs.runs("web2") == {"blue/api=v1", "green/api=v2"}
    assert target.left_out() == ("web2",), "nobody has seen yet that it is healthy"
    after = {key: one["pid"] for key, one in webs.lines["web2"].host.seen.items()}
    assert all(before[key] != after[key] for key in after)
    target.take_back_in(["web2"])
    assert target.left_out() == ()
    assert target.put_right() == ()


def test_a_bad_host_that_is_not_reached_is_not_put_right(webs: Ground) -> None:
    target = webs.target(2)
    target.leave_out({"web2": "it fails"})
    webs.lines["web2"].is_cut = True
    assert webs.target(3).put_right() == ()
    assert webs.target(3).left_out() == ("web2",)


def test_where_each_host_answers_is_known_without_asking(webs: Ground) -> None:
    target = webs.target(2)
    asked = {name: line.asked for name, line in webs.lines.items()}
    assert target.addresses("blue") == {"web1": "http://web1:8001", "web2": "http://web2:8001"}
    assert target.addresses("green")["web2"] == "http://web2:8002"
    assert {name: line.asked for name, line in webs.lines.items()} == asked
