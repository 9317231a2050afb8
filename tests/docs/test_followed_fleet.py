"""The page about many hosts, followed on three hosts that are folders, behind a real HAProxy."""

from __future__ import annotations

import pytest

from journeys.hosts.fleet_service import HOSTS, a_fleet
from pages.followed import follow

pytestmark = [pytest.mark.journey, pytest.mark.slow]

CANARY = """
[canary]
stage_min = "2s"
stage_max = "30s"
"""


def test_deploying_to_many_hosts() -> None:
    with a_fleet(fleet="failure_budget = 1", more=CANARY) as fleet:
        text = fleet.config.read_text()
        fleet.config.write_text(text.replace("[monitor]\n", '[monitor]\nblip_tolerance = "1s"\n', 1))
        fleet.add_release("v1")
        fleet.mobius("deploy", "--tag", "v1", expect=0)
        fleet.add_release("v2.1.0")
        # Nothing was taken out, so there is nothing to put back; without users a stage may stay undecided.
        told = follow(
            "docs/how-to/fleet.md",
            fleet.folder,
            environ=fleet.environ,
            codes={"mobius resume": 2, "mobius deploy": (0, 4)},
        )
        assert "v2.1.0" in told.after("mobius deploy")
        assert len({answer.split()[1] for answer in fleet.answers()}) == len(HOSTS)
