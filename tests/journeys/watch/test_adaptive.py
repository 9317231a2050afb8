"""A release that fails a little more often than the one before it, under load, behind the front door."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.service import Service, wait_until
from mobius.adapters.load import Load
from mobius.host.history import FILE

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def watched(new_service: Callable[..., Service], *, window: str) -> Service:
    """v1 is live; a quarter of an hour of its traffic, one error in a thousand requests, was written down."""
    service = new_service(window="1s", interval="1s", alone=False)
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", expect=0)
    release = service.status()["live"]["id"]
    write_usual(service.root / "run" / FILE, release)
    text = service.config.read_text().replace('policy = "conservative"', 'policy = "adaptive"')
    service.config.write_text(text.replace('window = "1s"', f'window = "{window}"'))
    return service


def write_usual(file: Path, release: str) -> None:
    now = time.time()
    counted = {"requests": 3_000, "errors": 3, "histogram": {}}
    lines = [
        {"at": now - 30 * number, "took_s": 30.0, "releases": {release: counted}}
        for number in range(30, 0, -1)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_release_that_fails_one_request_in_thirty_is_gone_within_two_minutes(
    new_service: Callable[..., Service],
) -> None:
    service = watched(new_service, window="10m")
    service.add_release("v2", fails_every=30)
    with Load(service.url, paths=("/",), rate=40.0) as load:
        began = time.monotonic()
        done = service.finish(service.start("deploy", "--tag", "v2"), timeout_s=300)
        took_s = time.monotonic() - began
        assert done.code == 12, done
        assert took_s < 120
        assert "tolerated); the chance of a false alarm is below 1 in 1,000" in done.out + done.err
        seen = load.snapshot().by_release.get("v1", 0)
        wait_until(lambda: load.snapshot().by_release.get("v1", 0) > seen, what="answers of v1")
    assert service.get("/")["release"] == "v1"


def test_a_release_that_is_as_good_as_the_one_before_is_accepted_under_load(
    new_service: Callable[..., Service],
) -> None:
    service = watched(new_service, window="90s")
    service.add_release("v2", fails_every=1_000)
    with Load(service.url, paths=("/",), rate=40.0):
        done = service.finish(service.start("deploy", "--tag", "v2"), timeout_s=300)
    assert done.code == 0, done
    assert service.get("/")["release"] == "v2"


def test_the_supervisor_writes_down_what_the_door_counted(new_service: Callable[..., Service]) -> None:
    service = new_service(alone=False)
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", expect=0)
    file = service.root / "run" / FILE
    with Load(service.url, paths=("/",), rate=20.0):
        wait_until(lambda: file.exists() and len(file.read_text().splitlines()) >= 2, 120.0, what="two lines")
    last = json.loads(file.read_text().splitlines()[-1])
    [counted] = last["releases"].values()
    assert counted["requests"] == sum(counted["histogram"].values()) > 100
