"""Talks to the supervisor of one root: `ensure_running(root)` starts it if need be, `HostClient` asks it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mobius.host.messages import (
    Counters,
    DoorStatus,
    DoorUpgraded,
    Drained,
    Held,
    HoldReleased,
    HostStatus,
    JobStatus,
    Limits,
    Ping,
    ProcessSpec,
    ProcessStatus,
    Routed,
    SlotPlaced,
    SlotRemoved,
    SlotStarted,
    SlotStopped,
    Tls,
    build,
)
from mobius.host.protocol import (
    ELSEWHERE,
    SLOTS_VARIABLE,
    HostRefused,
    HostUnavailable,
    ask,
    find_socket,
    why_no_supervisor,
)

__all__ = ["HostClient", "HostRefused", "HostUnavailable", "ensure_running"]

# What a run may ask again of a supervisor that was started anew; looking and stopping start none.
LASTING = frozenset(
    (
        "configure_door",
        "route",
        "drain",
        "hold",
        "release_hold",
        "start_slot",
        "stop_slot",
        "place_slot",
        "remove_slot",
        "counters",
    )
)
LOOKING = frozenset(("ping", "status", "counters"))
UNIT_NOTE = Path("run", "host.unit")


def ensure_running(root: Path, timeout_s: float = 10.0) -> HostClient:
    """A client of the supervisor of `root`, which is started, detached, when none answers: by its unit, where
    `mobius host install` left the note `run/host.unit`.

    May be called by several at once: one start wins, all connect. Raises HostUnavailable when it does not
    answer within `timeout_s`, with the last line of its log.
    """
    if why_not := why_no_supervisor():
        raise HostUnavailable(why_not, ELSEWHERE)
    root = root.resolve()
    client = HostClient(root)
    if client.is_running():
        return client
    deadline = time.monotonic() + timeout_s
    unit = unit_of(root)
    complaint = _start_unit(unit, timeout_s) if unit else _start_detached(root, timeout_s)
    while True:
        try:
            client.ping()
            return client
        except HostUnavailable as error:
            if time.monotonic() > deadline:
                why = complaint or error.message
                hint = f"journalctl -u {unit}" if unit else f"its log is {root / 'run' / 'host.log'}"
                raise HostUnavailable(f"the supervisor of {root} does not start: {why}", hint) from error
            time.sleep(0.05)


class HostClient:
    """Asks the supervisor of `root`. Each method may be called again: what holds already is a success.

    Every method raises HostUnavailable when there is no answer and HostRefused when the answer is no (then
    nothing was changed). `timeout_s` is how long an answer may take, on top of what the operation waits for.
    With `revives`, an operation of `LASTING` that finds the supervisor dead starts it, which finds again all
    that it kept, and asks once more: nobody goes back because of a kill -9 that lost nothing.
    """

    def __init__(self, root: Path, *, timeout_s: float = 30.0, revives: bool = False) -> None:
        self.root = root.resolve()
        self.run = self.root / "run"
        self._timeout_s = timeout_s
        self._revives = revives

    def call(self, op: str, *, wait_s: float = 0.0, **params: Any) -> dict[str, Any]:
        """Asks `op` as it is; `wait_s` is how long the operation itself is expected to wait."""
        path, timeout_s = find_socket(self.run, "host.sock"), self._timeout_s + wait_s
        try:
            return ask(path, op, params, timeout_s=timeout_s)
        except HostUnavailable as lost:
            # An upgrade keeps the socket, but loses whoever was being answered: looking again costs nothing.
            looks = op in LOOKING and isinstance(lost.__cause__, ConnectionError)
            if not looks and not (self._revives and op in LASTING and self._died(lost)):
                raise
        if self._revives and op in LASTING:
            ensure_running(self.root)
        return ask(path, op, params, timeout_s=timeout_s)

    def _died(self, lost: HostUnavailable) -> bool:
        """Whether there was a supervisor here, and it is gone: not one that is slow, nor one that says no."""
        why = lost.__cause__
        was_here = (self.run / "host.json").exists()
        return was_here and isinstance(why, OSError) and not isinstance(why, TimeoutError)

    def is_running(self) -> bool:
        """Whether a supervisor answers now; never raises for one that does not."""
        try:
            ask(find_socket(self.run, "host.sock"), "ping", {}, timeout_s=2.0)
        except HostUnavailable:
            return False
        return True

    def ping(self) -> Ping:
        return build(Ping, self.call("ping"))

    def status(self) -> HostStatus:
        return build(HostStatus, self.call("status"))

    # -- the front door ------------------------------------------------------------------------------------

    def configure_door(
        self,
        listen: str,
        *,
        tls: Tls | None = None,
        limits: Limits | None = None,
        critical_routes: Sequence[str] = (),
        trusted_proxies: Sequence[str] = (),
        expose_release: bool = False,
    ) -> DoorStatus:
        """Opens the front door on `listen` ("127.0.0.1:5001", or "unix:/path.sock" behind a proxy, which only
        the owner and the group of that socket can reach), or brings an open one up to date in place.

        A critical route counts requests to that path and to what lies beneath it. X-Forwarded-* of a client
        is replaced unless its address is one of `trusted_proxies` or it came by a Unix socket. Refused when
        the port is taken; the message names by whom where that can be found.
        """
        return build(
            DoorStatus,
            self.call(
                "configure_door",
                listen=listen,
                tls=None if tls is None else asdict(tls),
                limits=asdict(limits or Limits()),
                critical_routes=list(critical_routes),
                trusted_proxies=list(trusted_proxies),
                expose_release=expose_release,
            ),
        )

    def route(self, weights: Mapping[str, int]) -> Routed:
        """Sends new requests by these weights (slot to share; what is left out gets none). When this returns,
        every new request goes by them; requests in flight finish where they are. Refused for an unknown
        slot."""
        return build(Routed, self.call("route", weights=dict(weights)))

    def drain(self, slot: str, timeout_s: float, *, direct: bool = False) -> Drained:
        """Waits until no request is in flight on `slot`; at the timeout what is left is cut and counted.
        `direct`: also what others connected to its Unix socket themselves, past the door."""
        more = {"direct": True} if direct else {}  # an older supervisor does not know it
        return build(Drained, self.call("drain", wait_s=timeout_s, slot=slot, timeout_s=timeout_s, **more))

    def hold(self, max_s: float, max_requests: int = 1000, max_bytes: int = 64 * 1024 * 1024) -> Held:
        """Queues new requests until `release_hold`. Past a limit clients get 503 with Retry-After; past
        `max_s` so do those that wait, and every new one, until released."""
        return build(Held, self.call("hold", max_s=max_s, max_requests=max_requests, max_bytes=max_bytes))

    def release_hold(self) -> HoldReleased:
        return build(HoldReleased, self.call("release_hold"))

    def counters(self) -> Counters:
        return build(Counters, self.call("counters"))

    def upgrade_door(self) -> DoorUpgraded:
        """A new door process takes over the listening socket; the old one finishes what it has and leaves."""
        return build(DoorUpgraded, self.call("upgrade_door"))

    # -- slots -----------------------------------------------------------------------------------------------

    def start_slot(self, slot: str, release: str, cwd: Path, processes: Sequence[ProcessSpec]) -> SlotStarted:
        """Starts these processes of `release` in `slot`, in `cwd`, and returns when they are started (not
        when they are healthy). Refused, with nothing left behind: a command that is missing or not
        executable, another release still running in the slot, a worker or singleton alive in another slot."""
        wire = [{**asdict(spec), "env": dict(spec.env)} for spec in processes]
        return build(
            SlotStarted, self.call("start_slot", slot=slot, release=release, cwd=str(cwd), processes=wire)
        )

    def stop_slot(
        self, slot: str, processes: Sequence[str] | None = None, timeout_s: float | None = None
    ) -> SlotStopped:
        """Stops these processes of the slot (None: all), and waits. `timeout_s` overrides each one's own."""
        names = None if processes is None else list(processes)
        wait_s = 600.0 if timeout_s is None else timeout_s + 10.0
        return build(
            SlotStopped,
            self.call("stop_slot", wait_s=wait_s, slot=slot, processes=names, timeout_s=timeout_s),
        )

    def restart_process(self, slot: str, process: str) -> ProcessStatus:
        """Stops the process and starts it again, on the same port."""
        return build(ProcessStatus, self.call("restart_process", wait_s=600.0, slot=slot, process=process))

    def place_slot(
        self, slot: str, release: str, *, port: int | None = None, socket: str | None = None
    ) -> SlotPlaced:
        """Tells that somebody else runs `release` in this slot, and where its web process is reached: the door
        routes there as ever. Again with another address or release moves it. Refused while processes of ours
        run in the slot."""
        return build(
            SlotPlaced, self.call("place_slot", slot=slot, release=release, port=port, socket=socket)
        )

    def remove_slot(self, slot: str) -> SlotRemoved:
        """Forgets the slot; not there is a success. Refused while it gets requests or runs processes."""
        return build(SlotRemoved, self.call("remove_slot", slot=slot))

    # -- jobs ------------------------------------------------------------------------------------------------

    def start_job(
        self,
        name: str,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str] | None = None,
        *,
        max_restarts: int = 5,
        window_s: float = 600.0,
        final_codes: Sequence[int] = (0,),
    ) -> JobStatus:
        """Keeps a one-off command running, apart from any terminal, until it exits with a final code. Any
        other end (a signal too) starts it again, at most `max_restarts` times within `window_s`. It must be
        safe to start again: when nobody saw it end, it is started again. A job of that name that runs already
        is left alone; one that has ended is started anew."""
        return build(
            JobStatus,
            self.call(
                "start_job",
                name=name,
                argv=list(argv),
                cwd=str(cwd),
                env=dict(env or {}),
                max_restarts=max_restarts,
                window_s=window_s,
                final_codes=list(final_codes),
            ),
        )

    def stop_job(self, name: str, timeout_s: float = 10.0) -> JobStatus:
        return build(JobStatus, self.call("stop_job", wait_s=timeout_s + 5.0, name=name, timeout_s=timeout_s))

    # -- the supervisor itself -------------------------------------------------------------------------------

    def upgrade(self) -> Ping:
        """The supervisor becomes the mobius that is installed now, in place: same pid, same sockets, nothing
        is stopped. Returns when the new one answers."""
        before = self.ping()
        self.call("upgrade")
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                after = self.ping()
                if after.started_at != before.started_at:
                    return after
            except HostUnavailable:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise HostUnavailable("the supervisor did not come back from its upgrade")
            time.sleep(0.02)

    def rotate_logs(self) -> list[str]:
        """Rotates every log that has grown past its size now; returns the files that were."""
        return list(self.call("rotate_logs")["rotated"])

    def shutdown(self, stop_slots: bool = True) -> None:
        """Stops the door, then the slots and jobs (or leaves them running), then the supervisor itself."""
        self.call("shutdown", wait_s=600.0 if stop_slots else 60.0, stop_slots=stop_slots)
        deadline = time.monotonic() + self._timeout_s
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.02)


def unit_of(root: Path) -> str:
    """The unit whose program the supervisor of this root is; "" where it is started by itself."""
    try:
        name = (root / UNIT_NOTE).read_text().strip()
    except OSError:
        return ""
    if not re.fullmatch(r"mobius-[A-Za-z0-9_-]{1,200}\.service", name):
        raise HostUnavailable(f"{root / UNIT_NOTE} names no unit: {name!r}", "sudo mobius host install")
    return name


def _start_unit(unit: str, timeout_s: float) -> str:
    """Has systemd start the supervisor, by sudo for whoever is not root. Returns why it did not."""
    if not Path("/run/systemd/system").is_dir():
        return f"it is the unit {unit}, and systemd does not run this machine"
    argv = ["/usr/bin/systemctl", "start", unit]
    if os.geteuid() != 0:
        argv = ["/usr/bin/sudo", "-n", *argv]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines[0] if lines else f"exit code {done.returncode}")


def _start_detached(root: Path, timeout_s: float) -> str:
    """Starts the supervisor; it goes to the background once its socket is bound. Returns why it did not."""
    try:
        (root / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise HostUnavailable(
            f"the supervisor of {root} cannot be started: {error.filename}: {error.strerror}",
            "check who may write there, or set another `root`",
        ) from error
    # MOBIUS_* of a slot or job that starts us must not mark the supervisor as one of its children.
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MOBIUS_") or name == SLOTS_VARIABLE
    }
    argv = [sys.executable, "-P", "-m", "mobius.host", "--root", str(root), "--detach"]
    try:
        done = subprocess.run(
            argv,
            env=env,
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return f"it was not ready within {timeout_s:g} s"
    except OSError as error:
        return str(error)
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"exit code {done.returncode}")
