"""kill -9 of the supervisor at any moment of any operation: repeated, the operation succeeds, and nothing runs
twice or is forgotten."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable

import psutil
import pytest

from host.sites import Site, is_running, wait_for
from host.talking import get
from mobius.host.client import HostUnavailable, ensure_running

pytestmark = pytest.mark.journey


def running(site: Site) -> Counter[tuple[str, str]]:
    """How many processes of each slot and name really run, by their marks."""
    found: Counter[tuple[str, str]] = Counter()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            env = process.environ()
            if env.get("MOBIUS_ROOT") == str(site.root) and os.getsid(process.pid) == process.pid:
                found[
                    (env.get("MOBIUS_SLOT", ""), env.get("MOBIUS_PROCESS", env.get("MOBIUS_DOOR", "")))
                ] += 1
    return found


def in_spite_of_kills(site: Site, delays_s: list[float], act: Callable[[], object]) -> object:
    """Does it with the supervisor killed after each delay, and repeats it until it is done."""
    for delay_s in delays_s:
        pid = ensure_running(site.root).ping().pid
        killer = threading.Timer(delay_s, os.kill, (pid, signal.SIGKILL))
        killer.start()
        with contextlib.suppress(HostUnavailable):
            act()
        killer.join()
        wait_for("the supervisor to die", lambda pid=pid: not is_running(pid))
    ensure_running(site.root)
    return act()


def torture(site: Site, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    web, queue = site.web(), site.other("queue", kind="singleton")
    site.client.configure_door(site.listen)

    def delays() -> list[float]:
        return [chance.uniform(0, 0.06) for _ in range(2)]

    live, other = "blue", "green"
    for turn in range(rounds):
        release = f"r{turn}"
        in_spite_of_kills(site, delays(), lambda: site.client.start_slot(live, release, site.root, [web]))  # noqa: B023
        site.wait_running(live)
        in_spite_of_kills(site, delays(), lambda: site.client.route({live: 1}))  # noqa: B023
        assert get(site.port).body == release.encode()
        in_spite_of_kills(site, delays(), lambda: site.client.drain(other, 1.0))  # noqa: B023
        in_spite_of_kills(site, delays(), lambda: site.client.stop_slot(other))  # noqa: B023
        in_spite_of_kills(
            site,
            delays(),
            lambda: site.client.start_slot(live, release, site.root, [web, queue]),  # noqa: B023
        )
        status = site.client.status()
        assert status.door is not None and status.door.weights == {live: 1}
        in_slots = {where: count for where, count in running(site).items() if where[0]}
        assert in_slots == {(live, "api"): 1, (live, "queue"): 1}
        live, other = other, live


def test_no_kill_of_the_supervisor_loses_or_doubles_anything(site: Site) -> None:
    torture(site, rounds=1, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_many_kills_of_the_supervisor_lose_or_double_nothing(site: Site, seed: int) -> None:
    torture(site, rounds=6, seed=seed)
