"""The hosts of a fleet: what is configured, and how each stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HostSettings:
    """One host. `address` is what ssh is given; `reached_at` where its web processes answer, the host's part of
    `address` when empty; `port` the first of the ports they get, two for each web process (one a slot). `roles`: which
    processes run there, by name or by kind; () for every web process, and nothing else."""

    name: str
    address: str
    port: int
    reached_at: str = ""
    roles: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """Where its web processes answer."""
        return self.reached_at or self.address.rpartition("@")[2].strip("[]")


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """How many hosts at once, and how many may fail.

    `max_parallel`: so many hosts change at once, in a switch as in a start. `pause_s`: between such batches of a
    switch. `failure_budget`: so many hosts may be lost or fail in a deployment that goes on without them; they are
    taken out of traffic, and so are those that are bad by themselves. `canary_hosts`: so many get the new release
    first, and the others once it was found no worse than theirs; 0 for none. `root`: the folder on every host, below
    the home of whoever ssh arrives as.
    """

    max_parallel: int = 5
    pause_s: float = 0.0
    failure_budget: int = 0
    canary_hosts: int = 0
    root: str = ""
    python: str = "python3"
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class OnHosts:
    """A canary by host: so many get the new release, and all others once it was found no worse than theirs."""

    number: int


@dataclass(frozen=True, slots=True)
class Absence:
    """A host that is not part of the fleet for now: why, and since when (Unix seconds). `is_bad`: it is reached, and
    was found worse than the others; it comes back when it was started anew and is healthy."""

    host: str
    why: str
    since: float
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class HostSeen:
    """How one host stands. `is_reached`: whether it answered; what it runs is unknown where it did not."""

    name: str
    is_reached: bool
    why: str = ""
    absent_since: float = 0.0
    slots: Mapping[str, str] = field(default_factory=dict)  # slot -> release
    live: str = ""
    is_bad: bool = False  # taken out because it was worse than the others
    token: int = 0  # the highest fencing token that it has seen
    emergency_by: str = ""  # whose emergency raised that past the journal, and when; "" for none
    emergency_at: float = 0.0
