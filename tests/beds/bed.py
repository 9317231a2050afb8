"""Hosts on a network of their own, which end with the `with` block whatever happens in it.

with Bed() as bed:
    web, data = bed.host("web"), bed.host("data")
    laptop = bed.laptop()
    laptop.run(["ssh", "-F", str(web.ssh_config), web.login("deploy"), "id"])
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from .build import CannotBuild
from .ground import GONE_S, claim, guard
from .host import Host
from .possible import why_not

MACHINE = 254  # the last number of this machine's own address on the bed's network


class Bed:
    """A bridge of this machine, at which it has an address of its own, and the hosts and laptops on it."""

    def __init__(self) -> None:
        if reason := why_not():
            raise CannotBuild(reason)
        self.ground = claim()
        self._owner = self.ground.owner
        self._guard = guard(self.ground)
        self._ends: list[str] = []
        self.hosts: dict[str, Host] = {}
        bridge = self.ground.name
        try:
            must_ip("link", "add", bridge, "type", "bridge")
            must_ip("address", "add", f"{self.ground.address(MACHINE)}/24", "dev", bridge)
            must_ip("link", "set", bridge, "up")
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        """This machine, as the hosts see it."""
        return self.ground.address(MACHINE)

    def host(self, name: str, *, boot: bool = True, like: Host | None = None, disk_mib: int = 0) -> Host:
        """A new systemd host; it is up when this returns. The other hosts know it by name.

        `like` another, which is down and may be of another bed: with all its files, but a name and keys of its own.
        `disk_mib`: all it writes is on a disk of that size, which can be filled.
        """
        namespace, address, link = self._end(name)
        host = Host(
            self.ground,
            name,
            namespace=namespace,
            address=address,
            link=link,
            like=like,
            disk_mib=disk_mib,
        )
        self.hosts[name] = host
        for each in self.hosts.values():
            each.introduce({other.name: other.address for other in self.hosts.values()})
        if boot:
            host.boot()
        return host

    def laptop(self, name: str = "laptop") -> Laptop:
        """A network namespace with a line of its own to the hosts: programs run there as on this machine."""
        return Laptop(*self._end(name))

    def _end(self, name: str) -> tuple[str, str, str]:
        """A namespace on the bridge: its name, its address, and the machine's end of its link."""
        self._ends.append(name)
        number = len(self._ends)
        namespace, link = f"{self.ground.name}-{name}", f"{self.ground.name}v{number}"
        address = self.ground.address(number)
        must_ip("netns", "add", namespace)
        must_ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        must_ip("link", "set", link, "master", self.ground.name, "up")
        must_ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        must_ip("-n", namespace, "link", "set", "lo", "up")
        must_ip("-n", namespace, "link", "set", "eth0", "up")
        return namespace, address, link

    def close(self) -> None:
        """Ends everything and takes it away; the guard does it, so that there is one way to do it."""
        if self._guard.stdin:
            self._guard.stdin.close()
        try:
            self._guard.wait(GONE_S * 3)
        finally:
            self.ground.give_back(self._owner)
            for host in self.hosts.values():
                host.reap()

    def __enter__(self) -> Bed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for host in self.hosts.values():
                error.add_note(host.last_words())
        self.close()


class Laptop:
    """Somebody else's machine on the bed's network: only its network is its own, programs and files are ours."""

    def __init__(self, namespace: str, address: str, link: str) -> None:
        self.namespace, self.address, self.link = namespace, address, link

    def argv(self, argv: Sequence[str | Path]) -> list[str]:
        """The command line that runs `argv` there."""
        return ["ip", "netns", "exec", self.namespace, *map(str, argv)]

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
        **how: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Runs it to its end; both streams are captured."""
        return subprocess.run(
            self.argv(argv), capture_output=True, text=True, timeout=timeout, env=env, **how
        )

    def cut(self) -> None:
        """Takes its line away; whatever is under way hangs, as on a train in a tunnel."""
        must_ip("link", "set", self.link, "down")

    def heal(self) -> None:
        must_ip("link", "set", self.link, "up")


def must_ip(*argv: str) -> None:
    done = subprocess.run(["ip", *argv], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(argv)}: {done.stderr.strip()}")
