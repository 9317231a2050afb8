"""What people say to a real window: disarmed and armed again, reported; and a runner that is stopped for a while."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from journeys.service import Service, wait_until
from journeys.watch.test_adaptive import watched
from mobius.adapters.load import Load

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def events(service: Service, kind: str) -> list[dict[str, Any]]:
    told = service.mobius("audit", "log", "-e", "production", "--json", expect=0).out
    return [event for line in told.splitlines() if (event := json.loads(line))["event"] == kind]


def test_a_bad_release_stays_while_it_is_disarmed_and_goes_when_it_is_armed_again(
    new_service: Callable[..., Service],
) -> None:
    service = watched(new_service, window="10m")
    service.add_release("v2", fails_every=30)
    service.mobius("monitor", "disarm", "--for", "10m", "--reason", "the name servers are down", expect=0)
    with Load(service.url, paths=("/",), rate=40.0):
        service.mobius("deploy", "--tag", "v2", "--detach", expect=0)
        wait_until(lambda: bool(events(service, "page")), 180.0, what="a person is called")
        [page] = events(service, "page")
        assert "; nothing is done: disarmed by " in page["message"]
        assert service.get("/")["release"] == "v2"
        status = service.mobius("status", expect=0).out
        assert re.search(r"^DISARMED: by .*: the name servers are down;", status, re.MULTILINE)
        service.mobius("monitor", "report-issue", "some pages are blank", "--by", "support", expect=0)
        service.mobius("monitor", "arm", expect=0)
        armed_at = time.monotonic()
        wait_until(lambda: bool(events(service, "rolled back")), 180.0, what="it is taken back")
        assert time.monotonic() - armed_at > 30, "only what came after it was armed again counts"
    assert service.get("/")["release"] == "v1"
    [issue] = events(service, "issue")
    assert issue["message"] == "support reports: some pages are blank"
    [log] = sorted((service.folder / "monitor_logs").glob("monitor_production_*.log"))[1:2]
    assert " DISARMED · " in log.read_text()
    figures = log.with_name(log.name.replace("monitor_production", "metrics").replace(".log", ".jsonl"))
    ticks = [json.loads(line) for line in figures.read_text().splitlines()]
    assert ticks[-1]["outcome"] == "FAIL" and ticks[-1]["issues"] == 1
    assert ticks[-1]["evidence"]["traffic"]["value"] >= ticks[-1]["evidence"]["traffic"]["threshold"]


def test_a_runner_that_is_stopped_for_a_third_of_its_window_takes_nothing_for_health(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(window="30s", interval="1s", alone=False)
    service.add_release("v1")
    deploying = service.start("deploy", "--tag", "v1")
    wait_until(lambda: "observing" in str(service.status().get("run")), what="an open window")
    found = re.search(r"\(pid (\d+)\)", service.status()["run"]["holder"])
    assert found is not None
    runner = int(found.group(1))
    os.kill(runner, signal.SIGSTOP)
    try:
        time.sleep(10.0)  # it is the time itself that is tried
    finally:
        os.kill(runner, signal.SIGCONT)

    done = service.finish(deploying, timeout_s=90)

    assert done.code == 4, done
    assert "expected checks were made" in done.out
    [blind] = events(service, "blind")
    assert 8 <= blind["data"]["seconds"] <= 30
    assert service.get("/")["release"] == "v1"
