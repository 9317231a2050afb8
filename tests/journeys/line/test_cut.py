"""The line is cut, at every place where it can be: nothing is begun twice, no event is shown twice, none is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from journeys.line.far import HOST, FarSide, assert_watched_to_the_end, journal_seqs, runs, seqs
from journeys.service import Service, wait_until

pytestmark = pytest.mark.journey
DEPLOY = ("deploy", "--tag", "v1", "--json")
NOT_KNOWN = (
    f"the line to {HOST} was cut; whether it has begun a run is not known yet, and it is not begun a second time."
    " Trying again for 600 s; Ctrl-C ends the looking only"
)
KNOWN = (
    f"the line to {HOST} was cut; run 1 in production goes on there."
    " Trying again for 600 s; Ctrl-C ends the looking only"
)
BACK = f"the line to {HOST} is back"


def test_a_line_that_is_cut_after_every_other_frame_shows_all_of_it_once(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    service = shop(alone=False)
    far.cut(*[{"frames": 2 + n % 3} for n in range(10)])
    done = far.on(*DEPLOY)
    assert seqs(done.out) == journal_seqs(service), done
    assert_watched_to_the_end(service, 1, done.code)
    assert done.err.splitlines().count(KNOWN) >= 8, done
    assert done.err.splitlines()[-1] == BACK
    assert len(far.connections) == 11


@pytest.mark.parametrize("reached", [40, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 1, 10_000))])
def test_a_line_that_is_cut_while_it_is_asked_for_begins_one_run(
    far: FarSide, shop: Callable[..., Service], reached: int
) -> None:
    service = shop(alone=False)
    far.cut({"request": reached}, {"request": reached})
    done = far.on(*DEPLOY)
    assert seqs(done.out) == journal_seqs(service), done
    assert_watched_to_the_end(service, 1, done.code)
    assert done.err.splitlines() == [NOT_KNOWN, BACK]


def test_a_command_that_dies_there_is_shown_on_from_the_journal(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    service = shop(alone=False)
    far.cut({"frames": 9, "kill": True}, {"frames": 4, "kill": True})
    done = far.on(*DEPLOY)
    assert seqs(done.out) == journal_seqs(service), done
    assert_watched_to_the_end(service, 1, done.code)
    assert [line for line in done.err.splitlines() if line != BACK] == [KNOWN, KNOWN]


@pytest.mark.slow
def test_a_command_that_dies_there_before_its_run_was_told_of_is_found_by_who_began_it(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    service = shop(alone=False)
    far.cut({"frames": 0, "kill": "run"})
    done = far.on(*DEPLOY)
    assert seqs(done.out) == journal_seqs(service), done
    assert_watched_to_the_end(service, 1, done.code)
    assert done.err.splitlines() == [NOT_KNOWN, BACK, "found again: run 1 in production"]


def test_a_command_that_dies_before_it_has_begun_a_run_is_not_begun_again(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    service = shop(alone=False)
    far.cut({"frames": 0, "kill": True})
    done = far.on(*DEPLOY)
    assert (done.code, runs(service)) == (1, []), done
    assert done.err.splitlines() == [
        NOT_KNOWN,
        BACK,
        f"error: the command died on {HOST} before it had begun a run; it was not begun a second time",
        f"  look how things stand: mobius --on {HOST}:shop status; then give the command again",
    ]
    assert done.json["exit_code"] == 1


@pytest.mark.slow
def test_nobody_waits_for_ever(far: FarSide, shop: Callable[..., Service]) -> None:
    shop(alone=False, window="30s")
    gone = {"say": "ssh: connect to host far port 22: No route to host\n"}
    far.cut({"frames": 6}, *[gone] * 50)
    done = far.on(*DEPLOY, environ={"MOBIUS_RECONNECT": "2"})
    assert done.code == 1, done
    assert done.err.splitlines()[1:] == [
        f"error: the line to {HOST} stays cut: ssh: connect to host far port 22: No route to host",
        f"  run 1 in production goes on there; come back: mobius --on {HOST}:shop monitor -e production",
    ]
    far.cut()
    again = far.on("abort", "--yes", at=f"{HOST}:shop")
    assert "run 1" in again.out


@pytest.mark.slow
def test_a_host_that_became_another_is_not_gone_to_again(far: FarSide, shop: Callable[..., Service]) -> None:
    shop(alone=False, window="30s")
    far.cut(
        {"frames": 6}, {"say": "@ REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n"}
    )
    done = far.on(*DEPLOY)
    assert done.code == 1, done
    assert done.err.splitlines()[1:] == [
        f"error: the line to {HOST} was cut, and ssh does not go there again: Host key verification failed.",
        "  run 1 in production goes on there; look before you trust it: ask whoever runs it for its fingerprint;"
        " only when it is right: ssh-keygen -R far, then ssh deploy@far",
    ]
    assert len(far.connections) == 2


@pytest.mark.slow
def test_without_a_folder_to_be_found_in_the_run_is_shown_on(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    service = shop(alone=False)
    far.without_shelter()
    far.cut({"frames": 9}, {"frames": 3})
    done = far.on(*DEPLOY)
    assert seqs(done.out) == journal_seqs(service), done
    assert_watched_to_the_end(service, 1, done.code)


@pytest.mark.slow
def test_without_a_folder_to_be_found_in_nothing_is_begun_twice(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    service = shop(alone=False)
    far.without_shelter()
    far.cut({"request": 10_000})
    done = far.on(*DEPLOY)
    assert done.code == 1, done
    assert done.err.splitlines()[-2:] == [
        f"error: {HOST} has no folder in which a command could be found again, so it was not begun twice",
        f"  look what became of it: mobius --on {HOST}:shop status",
    ]
    # To its end: what nobody can find again nobody could end with the test, either.
    wait_until(lambda: runs(service) == [(1, "deploy", "accepted")], what="the first one goes on to its end")


@pytest.mark.slow
def test_ctrl_c_while_the_line_is_cut_ends_the_looking(far: FarSide, shop: Callable[..., Service]) -> None:
    shop(alone=False, window="40s")
    far.cut({"frames": 6}, *[{"say": "ssh: no route\n"}] * 50)
    looking = far.start(*DEPLOY)
    assert looking.stderr is not None
    assert looking.stderr.readline() == f"{KNOWN}\n"
    looking.send_signal(signal.SIGINT)
    _, err = looking.communicate(timeout=30)
    assert (looking.returncode, err) == (
        130,
        "stopped looking; run 1 in production goes on there."
        f" Come back: mobius --on {HOST}:shop monitor -e production\n",
    )
