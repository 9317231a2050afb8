"""The ways to switch that bench.switch compares: each puts a new release live, under load, its own way."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from bench.common import (
    REPOSITORY,
    Child,
    answers,
    free_port,
    python_path,
    wait_for,
    why_missing,
)

DRAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Switch:
    """One change of release, in monotonic seconds."""

    old: str
    new: str
    began_s: float  # the new release was asked to start
    called_s: float  # the traffic was told to move
    returned_s: float  # … and the call came back
    ended_s: float  # the old release is drained and stopped


class Way(ABC):
    """One way to switch. `url` takes the load; `change` puts a release live and the old one away."""

    name: str
    is_lossless = True  # what it claims; the bench fails when it is not so
    needs: str | None = None

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mobius-bench-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.live = ""

    @classmethod
    def why_not(cls) -> str | None:
        """Why this way cannot be tried here; None when it can."""
        return why_missing(cls.needs) if cls.needs else None

    @abstractmethod
    def open(self, release: str) -> None:
        """Serve the first release."""

    @abstractmethod
    def change(self, release: str) -> Switch:
        """Put this release live; returns when the old one is gone."""

    @abstractmethod
    def end(self) -> None:
        """Stop every process."""

    def close(self) -> None:
        try:
            self.end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start_service(self, release: str, port: int) -> Child:
        argv = [sys.executable, "-m", "bench.service", "--release", release, "--port", str(port)]
        child = Child(argv, self.folder / "service.log")
        try:
            child.wait_until_it_answers(port)
        except BaseException:
            child.stop(1)
            raise
        return child


class RestartInPlace(Way):
    """Stop the old, start the new on the same port. The control: it must lose some, or the bench is blind."""

    name = "restart-in-place"
    is_lossless = False
    service: Child | None = None

    def open(self, release: str) -> None:
        self.service, self.live = self.start_service(release, self.port), release

    def change(self, release: str) -> Switch:
        assert self.service is not None
        called_s = time.monotonic()
        self.service.stop(DRAIN_S)
        self.service = self.start_service(release, self.port)
        ended_s = time.monotonic()
        old, self.live = self.live, release
        return Switch(old, release, called_s, called_s, ended_s, ended_s)

    def end(self) -> None:
        if self.service is not None:
            self.service.stop()


class TwoSlots(Way):
    """Two slots with a port each; the new release starts beside the old one, then the traffic moves."""

    def __init__(self) -> None:
        super().__init__()
        self.ports = {"blue": free_port(), "green": free_port()}
        self.slot = "blue"
        self.services: dict[str, Child] = {}

    def open(self, release: str) -> None:
        self.services["blue"] = self.start_service(release, self.ports["blue"])
        self.open_traffic()
        wait_for(f"{self.name} serving", lambda: answers(self.port))
        self.live = release

    def change(self, release: str) -> Switch:
        began_s = time.monotonic()
        old_slot = self.slot
        self.slot = "green" if old_slot == "blue" else "blue"
        self.services[self.slot] = self.start_service(release, self.ports[self.slot])
        called_s = time.monotonic()
        self.move(old_slot, self.slot)
        returned_s = time.monotonic()
        self.drain(old_slot)
        self.services.pop(old_slot).stop(DRAIN_S)
        old, self.live = self.live, release
        return Switch(old, release, began_s, called_s, returned_s, time.monotonic())

    def end(self) -> None:
        self.end_traffic()
        for service in self.services.values():
            service.stop()

    @abstractmethod
    def open_traffic(self) -> None: ...

    @abstractmethod
    def move(self, old_slot: str, new_slot: str) -> None: ...

    @abstractmethod
    def drain(self, old_slot: str) -> None: ...

    @abstractmethod
    def end_traffic(self) -> None: ...


class Door(Way):
    """The front door of mobius, its supervisor starting and stopping the slots."""

    name = "door"

    def open(self, release: str) -> None:
        from mobius.host.client import ensure_running

        os.environ["PYTHONPATH"] = python_path()
        self.root = self.folder / "root"
        self.root.mkdir()
        self.host = ensure_running(self.root)
        self.host.configure_door(f"127.0.0.1:{self.port}")
        self.slot = "blue"
        self.start(release, "blue")
        self.host.route({"blue": 1})
        wait_for("the door serving", lambda: answers(self.port))
        self.live = release

    def change(self, release: str) -> Switch:
        began_s = time.monotonic()
        old_slot, self.slot = self.slot, "green" if self.slot == "blue" else "blue"
        self.start(release, self.slot)
        called_s = time.monotonic()
        self.host.route({self.slot: 1})
        returned_s = time.monotonic()
        drained = self.host.drain(old_slot, DRAIN_S)
        if drained.in_flight_left or drained.cut:
            print(f"  {drained}")
        self.host.stop_slot(old_slot, timeout_s=DRAIN_S)
        old, self.live = self.live, release
        return Switch(old, release, began_s, called_s, returned_s, time.monotonic())

    def start(self, release: str, slot: str) -> None:
        from mobius.host.messages import ProcessSpec

        spec = ProcessSpec(
            name="web", kind="web", argv=(sys.executable, "-m", "bench.service", "--release", release)
        )
        port = self.host.start_slot(slot, release, REPOSITORY, [spec]).processes[0].port
        assert port is not None
        wait_for(f"{release} in {slot}", lambda: answers(port))

    def end(self) -> None:
        if hasattr(self, "host"):
            self.host.shutdown(stop_slots=True)
