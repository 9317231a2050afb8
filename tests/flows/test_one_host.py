"""The road of one host: what is there for many of them is asked whether a host is out, and does nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from flows.many_hosts import ON_HOSTS, FleetWorld
from mobius.model.run import RunState
from world import World

OF_MANY = ("mobius.adapters.fleet", "mobius.flows.bad_hosts", "mobius.flows.lost_hosts", "mobius.rules.hosts")
ASKED_WHETHER_ONE_IS_OUT = {"put_back_before", "leave_out_lost"}


def called_of_many(act: Callable[[], object]) -> set[str]:
    """The functions made for many hosts that `act` calls."""
    called: set[str] = set()

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and str(frame.f_globals.get("__name__", "")).startswith(OF_MANY):
            called.add(frame.f_code.co_name)

    sys.setprofile(look)
    try:
        act()
    finally:
        sys.setprofile(None)
    return called


def test_one_host_goes_forth_and_back_without_the_code_of_many() -> None:
    world = World()

    def there_and_back() -> None:
        assert world.deploy("v1").state is RunState.ACCEPTED
        assert world.deploy("v2").state is RunState.ACCEPTED
        world.rollback()
        assert world.live_tag == "v1"

    assert called_of_many(there_and_back) == ASKED_WHETHER_ONE_IS_OUT


def test_many_hosts_do_call_it() -> None:
    fleet = FleetWorld(ON_HOSTS)

    assert "outs_of" in called_of_many(lambda: fleet.deploy("v1"))
