"""The host loses its power, or reboots, in every phase: afterwards one release serves, and the run goes on."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from journeys.fleet.django_blog import FOLDER, LONG_S, Blog

pytestmark = pytest.mark.fleet

PHASES = {
    "stage": ("after", "begin go-*-stage"),
    "backup": ("after", "begin go-*-backup"),
    "rehearse": ("after", "begin go-*-rehearse"),
    "start": ("after", "begin go-06-start"),
    "started": ("before", "done go-06-start"),
    "await healthy": ("after", "begin go-*-await-healthy"),
    "smoke": ("after", "begin go-08-smoke"),
    "switch": ("after", "begin go-*-switch"),
    "switched": ("before", "done go-*-switch"),
    "drain": ("after", "begin go-*-drain"),
    "workers stop": ("after", "begin go-11-stop"),
    "workers are stopped": ("after", "done go-11-stop"),
    "workers are started": ("before", "done go-12-start"),
    "record": ("after", "begin go-*-mark-live"),
    "smoke on the live address": ("after", "begin go-14-smoke"),
    "window": ("after", "add_samples"),
}
WAY_BACK = {  # the command itself moves traffic back; the runner does the rest
    "drain": ("after", "begin *-drain"),
    "workers stop": ("after", "begin *-stop*"),
    "workers are started": ("before", "done *-start*"),
    "record": ("after", "begin *-mark-live"),
}


def interrupt(blog: Blog, moment: tuple[str, str], *words: str, gently: bool) -> None:
    """The runner of the command stands still at that moment; the host goes down, and is booted again."""
    env = blog.strike(*moment, signal=signal.SIGSTOP)
    asked = blog.host.popen(
        ["mobius", *words],
        user="deploy",
        cwd=FOLDER,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        blog.host.wait_until(blog.has_struck, f"the moment {moment}", within=LONG_S)
        if gently:
            blog.host.reboot()
        else:
            blog.host.crash()
            blog.host.boot()
    finally:
        asked.kill()
        asked.wait()


def assert_all_is_well(blog: Blog, live: str) -> None:
    """The release serves with all that belongs to it, everybody says that it is live, and nothing ever ran twice."""
    if live == "v2":
        blog.await_live("v2", "green", warm="blue")
    else:
        blog.await_live("v1", "blue")
    assert [life for life in blog.lives() if life.what == "TWO"] == []
    status = blog.status()
    assert status["live"]["tag"] == live
    assert status["warnings"] == []
    blog.mobius("audit", "verify")


@pytest.mark.parametrize("phase", PHASES)
def test_a_deployment_goes_on_after_the_power_was_lost(blog: Blog, phase: str) -> None:
    interrupt(blog, PHASES[phase], "deploy", "--tag", "v2", "--detach", gently=False)

    blog.host.wait_until(lambda: blog.live() in ("v1", "v2"), "a release to serve", within=LONG_S)
    blog.await_state("observing")
    assert_all_is_well(blog, "v2")


@pytest.mark.parametrize("phase", ["backup", "start", "switched", "workers are stopped", "window"])
def test_a_deployment_goes_on_after_a_reboot(blog: Blog, phase: str) -> None:
    interrupt(blog, PHASES[phase], "deploy", "--tag", "v2", "--detach", gently=True)

    blog.host.wait_until(lambda: blog.live() in ("v1", "v2"), "a release to serve", within=LONG_S)
    blog.await_state("observing")
    assert_all_is_well(blog, "v2")


@pytest.mark.parametrize("phase", WAY_BACK)
def test_a_rollback_goes_on_after_the_power_was_lost(blog: Blog, phase: str) -> None:
    blog.mobius("deploy", "--tag", "v2", "--detach")

    interrupt(blog, WAY_BACK[phase], "rollback", "--yes", gently=False)

    blog.host.wait_until(lambda: blog.live() in ("v1", "v2"), "a release to serve", within=LONG_S)
    blog.await_event(blog.newest_run()["id"], "rolled back")
    assert_all_is_well(blog, "v1")


@pytest.mark.sample
def test_the_window_goes_on_after_a_reboot_and_its_blind_gap_is_noted(blog: Blog) -> None:
    blog.mobius("deploy", "--tag", "v2", "--detach")
    run = blog.newest_run()
    deadline = blog.status()["run"]["window_deadline"]

    blog.host.crash()
    blog.host.boot()

    blog.await_live("v2", "green", warm="blue")
    blog.await_event(run["id"], "blind")
    now = blog.status()["run"]
    assert (now["id"], now["state"], now["window_deadline"]) == (run["id"], "observing", deadline)
    said = blog.mobius("audit", "log", "--run", str(run["id"]), "--json").stdout.splitlines()
    blind = [event for event in map(json.loads, said) if event["event"] == "blind"]
    assert blind[0]["data"]["seconds"] > 0
