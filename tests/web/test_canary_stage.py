"""During a canary two releases serve: the page and the metrics show both, and the verdict about the new one is open."""

from __future__ import annotations

import pytest

from flows.test_canary import TEN, in_the_first_stage, with_v1
from mobius.model.run import RunState
from web.looking_at import Asked
from web.test_metrics import labels, scraped
from world import Killed

VERDICT = "/api/v1/verdict?release=v2"


def test_in_a_stage_there_is_no_verdict_yet_and_the_sentence_counts_both_sides() -> None:
    world = with_v1()
    in_the_first_stage(world, looks=3)
    told = Asked(world).json(VERDICT)
    assert (told["outcome"], told["final"], told["window_open"]) == ("INCONCLUSIVE", False, False)
    assert told["sentence"] == "observing: canary 10 %: 100 requests on v2, 900 on v1"


def test_the_shares_of_both_slots_are_scraped() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    found, previous = scraped(Asked(world)), world.releases.current()[0]
    assert found["mobius_slot_weight_ratio", labels(slot="green", release=run.plan.release_id)] == 0.1
    assert found["mobius_slot_weight_ratio", labels(slot="blue", release=previous)] == 0.9
    assert found["mobius_window_open", labels()] == 0


def test_the_page_shows_a_stage() -> None:
    world = with_v1()
    in_the_first_stage(world)
    assert "canary 10 %" in Asked(world).page()


def test_a_canary_that_a_person_took_back_failed() -> None:
    world = with_v1()
    in_the_first_stage(world)
    back = world.rollback()
    told = Asked(world).json(VERDICT)
    assert (told["outcome"], told["sentence"]) == ("FAIL", f"taken back by ann in run {back.id}")


def test_a_canary_that_nobody_could_judge_went_back_and_did_not_fail() -> None:
    world = with_v1()
    world.requests = 10
    run = world.deploy("v2")
    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 4)
    asked = Asked(world)
    told = asked.json(VERDICT)
    assert (told["outcome"], told["final"], told["state"]) == ("INCONCLUSIVE", True, "rolled back")
    assert asked.get(f"{VERDICT}&require=fail").status == 409


def test_a_canary_that_nobody_could_judge_does_not_fail_while_it_goes_back() -> None:
    world = with_v1()
    world.requests = 10
    run = world.begin(world.plan("v2"))

    def is_going_back(name: str, _: object) -> bool:
        going = world.journal.run(run.id).state is RunState.ROLLING_BACK
        return going and name.startswith("traffic.") and world.traffic.weights() == TEN

    def kill() -> None:
        raise Killed

    world.interrupt(is_going_back, kill)
    with pytest.raises(Killed):
        world.carry_on(run)
    asked = Asked(world)
    told = asked.json(VERDICT)
    assert (told["outcome"], told["final"], told["state"]) == ("INCONCLUSIVE", False, "rolling back")
    verdict = labels(outcome="INCONCLUSIVE", release=run.plan.release_id)
    assert scraped(asked)["mobius_verdict", verdict] == 1
