"""Traffic that is not ours: what cannot be seen or moved is said to be so, never guessed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mobius.adapters.traffic.elsewhere import ElsewhereTraffic
from mobius.errors import MobiusError
from mobius.model.verdict import Outcome
from mobius.ports import Traffic

TRAFFIC: Traffic = ElsewhereTraffic("production")
ASKED: dict[str, Callable[[], object]] = {
    "moved": lambda: TRAFFIC.switch({"blue": 100}),
    "drained": lambda: TRAFFIC.drain("blue", 1.0),
    "held": lambda: TRAFFIC.hold(1.0, 1, 1),
    "counted": TRAFFIC.counters,
}


@pytest.mark.parametrize("what", ASKED)
def test_what_is_not_ours_cannot_be(what: str) -> None:
    with pytest.raises(MobiusError) as refused:
        ASKED[what]()
    assert refused.value.message == f"the traffic of production is not ours: it cannot be {what}"
    assert refused.value.hint.startswith('only target = "process" or "systemd" has slots')


def test_requests_lost_by_switches_are_not_known_to_be_none() -> None:
    with pytest.raises(MobiusError, match="cannot be counted"):
        TRAFFIC.failed_because_of_switches()


def test_no_slot_of_ours_has_traffic_and_nothing_is_held() -> None:
    assert TRAFFIC.weights() == {}
    TRAFFIC.release_hold()
    assert TRAFFIC.switch({}).failed_requests == 0


def test_it_cannot_be_shared_out_between_two_releases() -> None:
    checked = TRAFFIC.check_split()
    assert checked.outcome is Outcome.FAIL
    assert checked.message == "the requests of production are somebody else's to direct"
