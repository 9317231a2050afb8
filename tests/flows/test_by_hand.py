"""What a person says to a run: carry on, take it back, keep it; and the steps that only a person can settle."""

from __future__ import annotations

import pytest

from mobius.errors import UsageError
from mobius.flows.by_hand import abort, accept_by_hand, resume
from mobius.model.release import ReleaseState
from mobius.model.run import Run, RunState
from world import Killed, Script, World

BACK_TO_BLUE = "switch traffic back to blue"


def with_v1(**script: object) -> World:
    world = World()
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.scripts["v2"] = Script(**script)  # type: ignore[arg-type]
    return world


def killed(world: World, run: Run, after: str) -> None:
    """The runner dies right after this effect."""
    dying = False

    def once_there(name: str, _: object) -> bool:
        nonlocal dying
        was, dying = dying, dying or name == after
        return was

    def die() -> None:
        raise Killed

    world.interrupt(once_there, die)
    with pytest.raises(Killed):
        world.carry_on(run)


def in_doubt(world: World) -> Run:
    """v2, whose switch was begun and whose front door then could not be seen."""
    run = world.begin(world.plan("v2"))
    killed(world, run, "traffic.switch")
    world.traffic.unseen = "the supervisor does not answer"
    stopped = world.carry_on(run)
    world.traffic.unseen = ""
    return stopped


def test_whoever_accepts_what_its_window_has_accepted_already_is_told_so_and_changes_nothing() -> None:
    world = with_v1()
    before = world.journal.events(environment="production")
    run = accept_by_hand(world.ports, who="ann")
    assert (run.state, run.plan.tag) == (RunState.ACCEPTED, "v1")
    assert run.sentence.startswith("accepted by the window")
    assert world.journal.events(environment="production") == before


def test_a_step_that_nobody_can_see_stops_for_a_person_and_undoes_nothing() -> None:
    world = with_v1()

    run = in_doubt(world)

    assert (run.state, run.exit_code) == (RunState.NEEDS_OPERATOR, 4)
    assert run.sentence == (
        '"switch traffic to green" was begun and it is unknown whether it happened:'
        " the supervisor does not answer"
    )
    [page] = world.events(run, "page")
    assert page.data["choices"] == [
        "look, then say so: mobius resume -e production --done, or --again if it did not;"
        " or take everything back: mobius abort -e production"
    ]
    assert world.journal.outbox()[-1].topic == "alert"
    assert len(world.traffic.moves) == 2
    assert world.web_tags() == {"v1", "v2"}
    assert world.carry_on(run).state is RunState.NEEDS_OPERATOR, "a new runner waits, too"


def test_a_look_that_breaks_is_no_answer_and_undoes_nothing() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    killed(world, run, "traffic.switch")
    seen = world.traffic.weights
    world.traffic.weights = lambda: 1 / 0  # type: ignore[method-assign,return-value]

    stopped = world.carry_on(run)

    world.traffic.weights = seen  # type: ignore[method-assign]
    assert stopped.state is RunState.NEEDS_OPERATOR
    assert stopped.sentence.endswith("ZeroDivisionError: division by zero")
    assert len(world.traffic.moves) == 2


@pytest.mark.parametrize("step_done", [True, False])
def test_a_person_says_whether_it_happened_and_the_deployment_goes_on(step_done: bool) -> None:
    world = with_v1()
    in_doubt(world)

    resumed = resume(world.ports, step_done=step_done)
    assert resumed.exit_code == 0, "that it had stopped for a person is settled"
    run = world.carry_on(resumed)

    assert run.state is RunState.ACCEPTED
    world.assert_serves("v2")
    assert len(world.traffic.moves) == 2


def test_resuming_without_an_answer_says_which_answers_there_are() -> None:
    world = with_v1()
    in_doubt(world)

    with pytest.raises(UsageError, match="waits for your answer") as refused:
        resume(world.ports)

    assert refused.value.hint == (
        "mobius resume -e production --done, or --again, or mobius abort -e production"
    )


def test_a_deployment_in_doubt_cannot_be_accepted_because_its_release_may_not_be_live() -> None:
    world = with_v1()
    in_doubt(world)

    with pytest.raises(UsageError, match="it stopped before its release was live"):
        accept_by_hand(world.ports, who="ann")

    assert world.web_tags() == {"v1", "v2"}


def test_a_deployment_in_doubt_can_be_taken_back() -> None:
    world = with_v1()
    in_doubt(world)

    run = world.carry_on(abort(world.ports, who="ann"))

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert run.sentence == "aborted by ann"
    world.assert_serves("v1")


def test_a_way_back_in_doubt_stops_for_a_person_and_goes_on_back_when_told() -> None:
    world = with_v1(live_smoke=False)
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, args: name == "journal.done" and args[1].id == "back-code-02-switch", _die)
    with pytest.raises(Killed):
        world.carry_on(run)
    world.traffic.unseen = "the supervisor does not answer"

    stopped = world.carry_on(run)

    assert stopped.state is RunState.NEEDS_OPERATOR
    world.traffic.unseen = ""
    run = world.carry_on(resume(world.ports, step_done=True))
    assert run.state is RunState.ROLLED_BACK
    world.assert_serves("v1")


@pytest.mark.parametrize("effect", ["checks.gate", "backups.rehearse"])
def test_an_abort_before_the_first_effect_changes_nothing(effect: str) -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    killed(world, run, effect)

    run = abort(world.ports, who="ann")

    assert run.state is RunState.ABORTED
    world.assert_serves("v1")


@pytest.mark.parametrize("effect", ["migrations.apply", "checks.smoke", "traffic.switch", "traffic.drain"])
def test_an_abort_in_the_middle_takes_back_what_was_done(effect: str) -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    killed(world, run, effect)

    run = world.carry_on(abort(world.ports, who="ann"))

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    world.assert_serves("v1")
    assert world.state_of("v2") is ReleaseState.FAILED


def test_an_abort_in_the_window_takes_the_release_back() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    killed(world, run, "journal.add_samples")

    run = world.carry_on(abort(world.ports, who="ann"))

    assert run.state is RunState.ROLLED_BACK
    world.assert_serves("v1")


def test_accepting_in_the_window_ends_it_and_stops_the_old_release() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    killed(world, run, "journal.add_samples")

    run = accept_by_hand(world.ports, who="ann")

    assert (run.state, run.sentence) == (RunState.ACCEPTED, "accepted by ann")
    world.assert_serves("v2")
    assert world.web_tags() == {"v2"}
    assert world.journal.active_run("production") is None


def test_an_inconclusive_window_can_be_accepted_afterwards() -> None:
    world = with_v1(blind_after=0)
    run = world.deploy("v2")
    assert run.state is RunState.INCONCLUSIVE

    accept_by_hand(world.ports, who="ann")

    assert world.web_tags() == {"v2"}
    assert world.journal.releases("production")[0].accepted
    [accepted] = world.events(run, "accepted")
    assert accepted.message.endswith("is accepted by ann")
    world.assert_serves("v2")


def test_an_acceptance_that_broke_can_be_resumed_and_does_not_go_back() -> None:
    world = with_v1()
    plan = world.plan("v2")
    world.break_step = plan.acceptance[0].id
    run = world.carry_on(world.begin(plan))
    assert run.state is RunState.NEEDS_OPERATOR

    run = world.carry_on(resume(world.ports, step_done=False))

    assert run.state is RunState.ACCEPTED
    world.assert_serves("v2")


def test_a_runner_that_died_is_resumed_where_it_was() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    killed(world, run, "target.start")
    world.launcher.stop(run)

    run = world.carry_on(resume(world.ports))

    assert run.state is RunState.ACCEPTED
    world.assert_serves("v2")


def _die() -> None:
    raise Killed
