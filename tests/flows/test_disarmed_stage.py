"""Time that was disarmed in a stage of a canary, or long before it, is judged nowhere and hides nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.flows.disarm import disarm
from mobius.model.policies import PRESETS
from mobius.model.run import RunState
from mobius.model.sample import Sample
from mobius.model.settings import CanarySettings, EnvironmentSettings, MonitorSettings
from mobius.model.verdict import Outcome
from mobius.rules.disarming import Span
from mobius.rules.judging import Judging
from world import SETTINGS, Script, World

STAGED = replace(
    SETTINGS,
    migrations=None,
    monitor=MonitorSettings(interval_s=30.0),
    window_s=600.0,
    canary=CanarySettings(stages=(10, 50), stage_min_s=60.0, stage_max_s=600.0),
)
ADAPTIVE = replace(STAGED, policy=PRESETS["adaptive"])


def with_v1(settings: EnvironmentSettings, **script: object) -> World:
    world = World(settings)
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.scripts["v2"] = Script(**script)  # type: ignore[arg-type]
    return world


@pytest.mark.parametrize("settings", [STAGED, ADAPTIVE], ids=lambda settings: settings.policy.name)
def test_what_failed_while_a_stage_was_disarmed_is_not_held_against_it_in_the_window(
    settings: EnvironmentSettings,
) -> None:
    world = with_v1(settings)
    run = world.begin(world.plan("v2"))
    world.clock.in_s(40, lambda: disarm(world.ports, for_s=200.0, reason="the database moves", who="ann"))
    world.clock.in_s(45, lambda: world.scripts.update(v2=Script(errors=40)))
    world.clock.in_s(210, lambda: world.scripts.update(v2=Script()))

    ended = world.carry_on(run)

    assert (ended.state, ended.exit_code) == (RunState.ACCEPTED, 0), ended.sentence


@pytest.mark.parametrize("settings", [STAGED, ADAPTIVE], ids=lambda settings: settings.policy.name)
def test_a_disarm_of_long_ago_hides_nothing_in_a_stage(settings: EnvironmentSettings) -> None:
    worlds = [with_v1(settings, errors=30), with_v1(settings, errors=30)]
    disarm(worlds[1].ports, for_s=3600.0, reason="an incident of long ago", who="ann")
    worlds[1].clock.wait(5000)

    before, after = (world.deploy("v2") for world in worlds)

    assert (after.state, after.exit_code) == (RunState.ROLLED_BACK, 12)
    assert after.sentence == before.sentence


@pytest.mark.parametrize("policy", ["conservative", "strict", "adaptive"])
def test_the_limits_hold_whatever_was_disarmed_before_the_window(policy: str) -> None:
    opened_at = 1e9
    judging = Judging(PRESETS[policy], MonitorSettings(interval_s=30.0), opened_at, opened_at + 3600, None)
    samples = []
    for look in range(1, 41):
        at = opened_at + 30 * look
        samples += [Sample("probe", at, ok=True, value=5.0), Sample("traffic", at, requests=200, errors=60)]

    verdict = judging.verdict(samples, opened_at + 1200, (Span(opened_at - 5000, opened_at - 1400),))

    assert (verdict.outcome, verdict.rule) == (Outcome.FAIL, "error_rate")
