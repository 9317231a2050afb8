"""Behind a proxy the supervisor sees no request: whoever looks after the service notes what is usual."""

from __future__ import annotations

import time

import pytest

from journeys.service import wait_until
from journeys.switch.behind_haproxy import behind_haproxy
from mobius.adapters.load import Load
from mobius.adapters.signals import recorder
from mobius.flows.serve import Watchman
from mobius.wiring import open_app

pytestmark = pytest.mark.journey


def test_what_haproxy_counted_and_what_the_release_used_is_known_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "BLOCK_S", 1.0)
    with behind_haproxy(window="1s", interval="200ms", alone=False) as (service, _):
        service.add_release("v1")
        service.mobius("deploy", "--tag", "v1", expect=0)
        release = service.status()["live"]["id"]
        ports = open_app(service.folder, environ=service.environ).ports("production")
        watchman = Watchman(ports, lambda _: None)

        def is_known() -> bool:
            watchman.look()
            known = ports.baselines(release, time.time()).get("traffic")
            return known is not None and known.total.requests >= 50 and len(known.blocks) >= 5

        with Load(service.url, paths=("/",), rate=40.0):
            wait_until(is_known, what="a baseline of what HAProxy counted", timeout_s=60)
        used = ports.gauges(release, time.time())
        assert sorted(used) == ["cpu", "disk", "fds", "memory"]
        assert len(used["memory"]) >= 3 and all(0 < value < 100 for value in used["memory"])
        stands_in = ports.baselines("one that was never live", time.time())["traffic"]
        assert stands_in.known_by == "its last day, with the releases before it"
