"""Releases that are bad in every way we know, each taken back by itself; v1 answers all the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from journeys.input.project import Project
from journeys.service import wait_until
from mobius.adapters.load import Load
from mobius.model.run import Run, RunState
from mobius.model.sample import Sample

BAD = "bad"  # a file in shared/: from then on the live release is bad
TURNS_BAD = {"once": BAD}


@pytest.fixture
def v1(serving: Project) -> Iterator[Project]:
    """A project where v1 is live, also after the test."""
    yield serving
    (serving.shared / BAD).unlink(missing_ok=True)
    serving.configure()
    assert serving.serves("v1")


@contextmanager
def load_on(project: Project) -> Iterator[Load]:
    """Requests for the front page, as users make them; none may be lost, whatever the release answers."""
    load = Load(project.url, keepalive=4, fresh=2, post_share=0.0, rate=250.0).start()
    try:
        yield load
    finally:
        report = load.stop()
    assert report.lost == (), report.failures_by_kind()
    assert report.requests > 100


def turned_bad(project: Project, tag: str, *, seconds: float = 15.0, after_checks: int = 0) -> Run:
    """Deploys `tag` to its open window, lets it turn bad there after so many checks, and returns its run, ended."""
    project.deploy(tag, "--detach", expect=0)
    run = project.newest_run()
    assert project.get()["release"] == tag
    wait_until(lambda: len(probes(project, run)) >= after_checks, 20, what=f"{after_checks} checks of {tag}")
    (project.shared / BAD).touch()
    wait_until(lambda: project.written().run(run.id).ended, seconds + 20, what=f"the window of {tag} to end")
    return project.written().run(run.id)


def probes(project: Project, run: Run) -> list[Sample]:
    """The checks of its window so far."""
    return [sample for sample in project.written().samples(run.id) if sample.signal == "probe"]


# -- before it sees a user ---------------------------------------------------------------------------------------


def test_the_first_deployment_ever_may_fail_and_the_next_one_works(project: Project) -> None:
    project.release("v0", refuses_to_start=True)

    done = project.deploy("v0")

    assert done.code == 12
    assert "web ended 3 time(s) cannot open the configuration" in done.out, "the end of its log"
    assert not (project.root / "current").exists() and not (project.root / "VERSION").exists()
    assert project.get()["code"] == 503
    assert project.status()["live"] is None
    project.deployed("v1")
    assert project.serves("v1")


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (
            {"answers": [{"path": "/health", "status": 503}], "says": "waiting for redis at 10.0.0.7"},
            " was not healthy within 1 s: /health: [status == 200] was 503 waiting for redis at 10.0.0.7",
        ),
        ({"refuses_to_start": True}, " does not stay up: web ended 3 time(s) "),
        (
            {"answers": [{"path": "/", "status": 500}]},
            "1 smoke test(s) not passed in green, before traffic front page: FAIL [status == 200] was 500",
        ),
    ],
    ids=["never healthy", "does not start", "answers 500"],
)
def test_a_release_that_is_bad_from_the_start_never_sees_a_user(
    v1: Project, behaviour: dict[str, Any], said: str, request: pytest.FixtureRequest
) -> None:
    tag = request.node.callspec.id.replace(" ", "-")
    v1.release(tag, **behaviour)
    deadline = "1s" if tag == "never-healthy" else "20s"
    v1.config.write_text(v1.config.read_text().replace('deadline = "5s"', f'deadline = "{deadline}"'))

    with load_on(v1) as load:
        done = v1.deploy(tag)
        seen = load.snapshot().by_release

    assert done.code == 12, done
    [failed] = [line for line in done.out.splitlines() if " step failed: " in line]
    assert said in failed
    assert list(seen) == ["v1"]
    assert done.out.splitlines()[-2] == "find out why:"
    assert done.out.splitlines()[-1].startswith("  mobius logs -e production")


def test_smoke_tests_that_fail_for_users_only_take_the_release_back(v1: Project) -> None:
    v1.release("door", answers=[{"path": "/", "status": 500, "through_the_door": True}])

    done = v1.deploy("door")

    assert done.code == 12, done
    assert (
        "1 smoke test(s) not passed on the live address front page: FAIL [status == 200] was 500" in done.out
    )
    assert [event.data["to"] for event in v1.events("switched")][-2:] == ["green", "blue"]


# -- in its window -----------------------------------------------------------------------------------------------

CONSERVATIVE = "\n"
STRICT = 'policy = "strict"\n'
WITH_THRESHOLDS = "[environments.production.thresholds]\n"

FAULTS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "failed_checks": (
        CONSERVATIVE,
        {"path": "/health", "status": 503},
        "3 health checks in a row failed (more than 2): [status == 200] was 503",
        "failed_checks",
    ),
    "strict failed_checks": (
        STRICT,
        {"path": "/health", "status": 503},
        "4 health checks in a row failed (more than 3): [status == 200] was 503",
        "failed_checks",
    ),
    "success_rate": (
        CONSERVATIVE + WITH_THRESHOLDS + 'max_failed_checks = "off"',
        {"path": "/health", "status": 503},
        "(less than 70 %, after at least 5): [status == 200] was 503",
        "success_rate",
    ),
    "error_rate": (
        CONSERVATIVE + WITH_THRESHOLDS + 'error_window = "1s"',
        {"path": "/", "status": 500},
        "(more than 5 %, over at least 100)",
        "error_rate",
    ),
    "strict error_rate": (
        STRICT + WITH_THRESHOLDS + 'error_window = "500ms"\nerror_for = "600ms"',
        {"path": "/", "status": 500},
        "errors over 1 % in every 0 s for 1 s",
        "error_rate",
    ),
    "p95": (
        CONSERVATIVE + WITH_THRESHOLDS + 'max_p95_ms = 100\np95_window = "300ms"\np95_for = "900ms"',
        {"path": "/", "delay_s": 0.2},
        "(more than 100 ms)",
        "p95",
    ),
    "memory": (
        STRICT + WITH_THRESHOLDS + 'max_memory_pct = 0.0001\nresources_for = "500ms"',
        {"path": "/"},
        "(more than 0.0001 %)",
        "memory",
    ),
}


QUICK = ("failed_checks", "error_rate")


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FAULTS]
)
def test_a_release_that_turns_bad_is_taken_back_by_the_rule_that_is_made_for_it(
    v1: Project, fault: str
) -> None:
    environment, rule, said, name = FAULTS[fault]
    tag = fault.replace(" ", "-").replace("_", "-")
    v1.configure(window="30s", interval="100ms", environment=environment)
    v1.release(tag, answers=[{**rule, **TURNS_BAD}])

    with load_on(v1):
        # With fewer good ones before, the second bad one would make it less than 70 % of all.
        run = turned_bad(v1, tag, after_checks=6)

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12), run.sentence
    verdict = v1.written().events(run_id=run.id)
    [told] = [event.data for event in verdict if event.kind == "verdict"]
    assert (told["outcome"], told["rule"]) == ("FAIL", name)
    assert said in run.sentence


def test_gates_that_fail_more_than_three_times_in_a_row_take_the_release_back(v1: Project) -> None:
    gate = f'[[gate]]\nname = "video"\nwhen = "window"\nrun = ["test", "!", "-e", "{v1.shared / BAD}"]'
    v1.configure(top=gate, window="30s", environment=STRICT)
    v1.release("dull")

    run = turned_bad(v1, "dull")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12), run.sentence
    assert run.sentence == "gate video failed 4 times in a row (more than 3): exit code 1"


@pytest.mark.slow
def test_a_release_that_exits_again_and_again_is_taken_back(v1: Project) -> None:
    v1.configure(window="90s", interval="100ms")
    v1.release("mortal", exits_after_s=1.2)

    done = v1.deploy("mortal")

    assert done.code == 12, done
    assert v1.newest_run().sentence.startswith("3 health checks in a row failed (more than 2): ")


def test_without_auto_rollback_a_bad_release_only_pages(v1: Project) -> None:
    v1.configure(window="4s")
    v1.release("paged", answers=[{"path": "/health", "status": 503, **TURNS_BAD}])
    v1.environ["AUTO_ROLLBACK"] = "false"
    try:
        run = turned_bad(v1, "paged")
    finally:
        del v1.environ["AUTO_ROLLBACK"]

    assert v1.get()["release"] == "paged", "nobody took it back"
    v1.mobius("rollback", "--reason", "it is bad", expect=0)
    assert run.state is RunState.INCONCLUSIVE
    assert run.exit_code in (3, 4), "a no, or no verdict; never a success"
    pages = [event for event in v1.written().events(run_id=run.id) if event.kind == "page"]
    assert pages[0].data["rule"] == "failed_checks"
    assert pages[0].data["choices"] == [
        "go back: mobius rollback -e production",
        "keep it: mobius accept -e production",
    ]
