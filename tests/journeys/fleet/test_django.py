"""A Django project with PostgreSQL, gunicorn, a worker and a timer: only its web processes ever run in two releases."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from journeys.fleet.django_blog import LONG_S, Blog, Life
from mobius.adapters.load import Answer, Load, signed_by

pytestmark = pytest.mark.fleet

CHANGEOVER = (  # of the workers, on the way forward and on the way back
    ("before", "done go-*-start"),
    ("after", "begin go-*-stop"),
    ("before", "done go-11-stop"),
    ("after", "done go-11-stop"),
    ("after", "begin go-12-start"),
    ("before", "done go-12-start"),
    ("after", "done go-12-start"),
)


@pytest.fixture
def load(blog: Blog) -> Iterator[Load]:
    """Clients that read and write posts; what they lost fails the test."""

    def post(_: random.Random) -> bytes:
        return b"a post"

    def sign(answer: Answer) -> str | None:
        return "bad" if b'"error": "broken"' in answer.body else signed_by(answer)

    clients = Load(
        blog.url,
        paths=("/",),
        post_paths=("/",),
        rate=40,
        keepalive=6,
        fresh=3,
        make_body=post,
        sign=sign,
        rtt_ms=40,
    )
    clients.start()
    try:
        yield clients
    finally:
        clients.stop()


def sentences(lives: list[Life], who: str) -> list[str]:
    return [f"{life.what} {life.release}" for life in lives if life.who == who]


def await_both_at_work(blog: Blog, release: str) -> None:
    """Until its worker said that it started, and its timer ticked: what is stopped before that never says a word."""

    def are() -> bool:
        said = {(life.who, life.what) for life in blog.lives() if life.release == release}
        return said >= {("worker", "start"), ("timer", "tick")}

    blog.host.wait_until(are, f"worker and timer of {release}", within=LONG_S)


def assert_never_two(blog: Blog) -> None:
    lives = blog.lives()
    assert [life for life in lives if life.what == "TWO"] == []


def test_two_releases_overlap_in_web_alone_there_and_back_and_lose_nothing(blog: Blog, load: Load) -> None:
    blog.mobius("deploy", "--tag", "v2", "--detach")
    blog.await_live("v2", "green", warm="blue")
    await_both_at_work(blog, "v2")
    blog.mobius("rollback", "--yes")
    blog.await_live("v1", "blue")

    report = load.stop()
    assert report.lost == ()
    assert report.errors_by_release == {}
    assert set(report.by_release) == {"v1", "v2"}
    assert_never_two(blog)
    assert_worker_said(blog, ["start v1", "stop v1", "start v2", "stop v2", "start v1"])
    ticks = [line.removeprefix("tick ") for line in sentences(blog.lives(), "timer")]
    first, last = ticks.index("v2"), len(ticks) - 1 - ticks[::-1].index("v2")
    assert set(ticks[first : last + 1]) == {"v2"}


def test_a_release_that_turns_bad_is_taken_back_by_itself(blog: Blog, load: Load) -> None:
    blog.add_release("bad", bad_after=60)

    blog.mobius("deploy", "--tag", "bad", expect=12)

    blog.await_live("v1", "blue")
    report = load.stop()
    assert report.lost == ()
    assert set(report.errors_by_release) == {"bad"}
    assert_never_two(blog)
    assert_worker_said(blog, ["start v1"])


def assert_worker_said(blog: Blog, last: list[str]) -> None:
    """A worker takes a while from being started until it says so; after that it has said nothing else."""

    def said() -> list[str]:
        return sentences(blog.lives(), "worker")

    blog.host.wait_until(lambda: said()[-1] == last[-1], f"the worker to say {last[-1]!r}", within=LONG_S)
    assert said()[-len(last) :] == last


@pytest.mark.parametrize(("when", "label"), CHANGEOVER)
def test_a_runner_killed_at_the_changeover_ends_it_and_nothing_runs_twice(
    blog: Blog, when: str, label: str
) -> None:
    env = blog.strike(when, label)

    blog.mobius("deploy", "--tag", "v2", "--detach", env=env, expect=None)

    assert blog.has_struck()
    blog.await_state("observing")
    blog.await_live("v2", "green", warm="blue")
    assert_never_two(blog)
    assert_worker_said(blog, ["start v1", "stop v1", "start v2"])


@pytest.mark.parametrize(("when", "label"), [("after", "begin *-stop"), ("before", "done *-start")])
def test_a_runner_killed_on_the_way_back_ends_it_and_nothing_runs_twice(
    blog: Blog, when: str, label: str
) -> None:
    blog.mobius("deploy", "--tag", "v2", "--detach")
    await_both_at_work(blog, "v2")
    env = blog.strike(when, label)

    blog.mobius("rollback", "--yes", env=env, expect=None)

    assert blog.has_struck()
    blog.await_event(blog.newest_run()["id"], "rolled back")
    blog.await_live("v1", "blue")
    assert_never_two(blog)
    assert_worker_said(blog, ["start v2", "stop v2", "start v1"])


def test_killed_processes_come_back_and_nothing_runs_twice(blog: Blog) -> None:
    for unit in ("work@blue", "web@blue", "tidy@blue", "monitor", ""):
        name = f"mobius-blog-{unit}.service" if unit else "mobius-blog.service"
        blog.host.wait_until(
            lambda name=name: blog.host.show(name, "MainPID")["MainPID"] != "0", f"{name} to run"
        )
        blog.host.run(["systemctl", "kill", "--kill-whom=all", "--signal=KILL", name])

    blog.await_live("v1", "blue")
    ticks = len(sentences(blog.lives(), "timer"))
    blog.host.wait_until(
        lambda: len(sentences(blog.lives(), "timer")) > ticks + 1, "the timer to go on", within=LONG_S
    )
    assert_never_two(blog)
    assert blog.host.show("mobius-blog-work@blue", "NRestarts") == {"NRestarts": "1"}
