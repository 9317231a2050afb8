"""What can break, each as a pair of acts: it breaks while the runner stands at its moment, and is mended when the run
has ended. `hurts`: for how long requests may fail because of it, in seconds; 0 where none may."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from journeys.fleet.matrix.ground import Ground
from journeys.hosts.fleet_service import until
from mobius.host.client import HostClient, HostUnavailable

STRUCK = "web2"  # the host that suffers
AN_HOUR_S = 3600
LOST_S = 10.0  # until HAProxy has seen that a host does not answer, on a machine that does other things, too


def nothing(_: Ground) -> None:
    """Mends itself."""


def cut_link(ground: Ground) -> None:
    ground.machines[STRUCK].cut()


def heal_link(ground: Ground) -> None:
    ground.machines[STRUCK].heal()


def lose_power(ground: Ground) -> None:
    ground.machines[STRUCK].crash()


def power_on(ground: Ground) -> None:
    ground.machines[STRUCK].boot()


def kill_sshd(ground: Ground) -> None:
    """The daemon and every session of it, at once; it stays away."""
    machine = ground.machines[STRUCK]
    machine.run(["systemctl", "mask", "--runtime", "--now", "ssh.socket", "ssh.service"])
    machine.run(["pkill", "-KILL", "-x", "sshd"], check=False)


def start_sshd(ground: Ground) -> None:
    machine = ground.machines[STRUCK]
    machine.run(["systemctl", "unmask", "--runtime", "ssh.socket", "ssh.service"])
    machine.run(["systemctl", "start", "ssh.service"])


def fill_host(ground: Ground) -> None:
    """Not a byte is left on the host, for anybody."""
    script = "fallocate -l $(df --output=avail -B1 / | tail -1) /var/full; cat /dev/zero >>/var/full.rest"
    ground.machines[STRUCK].run(["sh", "-c", script], check=False)


def empty_host(ground: Ground) -> None:
    ground.machines[STRUCK].run(["rm", "-f", "/var/full", "/var/full.rest"])


def fill_here(ground: Ground) -> None:
    """Not a byte is left where the deployer keeps its releases, its backups and its state."""
    with suppress(OSError), (ground.folder / "full").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    with suppress(OSError), (ground.folder / "full.rest").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


def empty_here(ground: Ground) -> None:
    for name in ("full", "full.rest"):
        (ground.folder / name).unlink(missing_ok=True)


def kill_deployer(ground: Ground) -> None:
    """The runner and the supervisor that would start it again: all of mobius on the deployer's machine."""
    with suppress(HostUnavailable):
        kill(HostClient(ground.root).status().pid)
    kill(ground.runner_pid)


def stop_deployer(ground: Ground) -> None:
    os.kill(ground.runner_pid, signal.SIGSTOP)
    until(lambda: psutil.Process(ground.runner_pid).status() == psutil.STATUS_STOPPED, "it stands still")


def wake_deployer(ground: Ground) -> None:
    os.kill(ground.runner_pid, signal.SIGCONT)


def restart_postgres(ground: Ground) -> None:
    ground.server.stop()
    ground.server.start()


def restart_haproxy(ground: Ground) -> None:
    ground.proxy.restart()


def clock(ground: Ground) -> Path:
    return ground.aside / "clock"


def jump_clock(ground: Ground) -> None:
    """The deployer's clock alone: the hosts share that of the kernel."""
    clock(ground).write_text(f"+{AN_HOUR_S}\n")


def has_jumped(ground: Ground) -> None:
    """What the runner wrote last is of the time that it believed in."""
    asked = "SELECT at FROM mobius.events ORDER BY seq DESC LIMIT 1"
    last = float(ground.server.query(asked, database="journal")[0][0])
    assert last > time.time() + AN_HOUR_S / 2, "the deployer's clock did not jump"


def under_another_clock(ground: Ground) -> dict[str, str]:
    """For the command whose runner is to have a clock of its own, which is right until it jumps."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("faketime is not installed: apt-get install faketime")
    clock(ground).write_text("+0\n")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock(ground)),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def kill(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.kill()
        process.wait(10)


@dataclass(frozen=True, slots=True)
class Fault:
    """`soon`: what it takes to go on that is not mending: a process that stood still runs again."""

    strike: Callable[[Ground], None]
    mend: Callable[[Ground], None] = nothing
    soon: Callable[[Ground], None] = nothing
    environ: Callable[[Ground], dict[str, str]] = field(default=lambda _: {})
    hurts: float = 0.0
    looks: bool = False  # `mobius status` is asked while it is broken
    ends_deployer: bool = False


FAULTS = {
    "link_cut": Fault(cut_link, heal_link, hurts=LOST_S),
    "power_off": Fault(lose_power, power_on, hurts=LOST_S),
    "sshd_killed": Fault(kill_sshd, start_sshd),
    "disk_full": Fault(fill_host, empty_host),
    "disk_full_here": Fault(fill_here, empty_here),
    "deployer_killed": Fault(kill_deployer, ends_deployer=True, looks=True),
    "deployer_stopped": Fault(stop_deployer, soon=wake_deployer, looks=True),
    "postgres_restart": Fault(restart_postgres),
    "haproxy_restart": Fault(restart_haproxy, hurts=3.0),
    "clock_jump": Fault(jump_clock, has_jumped, environ=under_another_clock),
}
