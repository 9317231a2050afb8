"""What every target with our front door shares: opening it, who has its port, and the end of several logs."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mobius.adapters.traffic.proxy_reach import let_proxy_in
from mobius.host.children import MARK_ROOT
from mobius.host.client import HostClient, HostRefused, HostUnavailable
from mobius.host.messages import Limits, Tls
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import CheckResult, Outcome

LOOPBACK = "127.0.0.1"
FRONT_DOOR = "a front door of mobius"
TRIES = 2


def open_door(settings: EnvironmentSettings, host: HostClient) -> None:
    """Opens the front door as the settings have it, or brings an open one up to date in place. Behind nginx and
    Caddy it serves on a Unix socket, behind HAProxy on a port of its own; TLS is the proxy's then."""
    if settings.is_behind_proxy and (settings.traffic.kind != "haproxy" or settings.traffic.group):
        let_proxy_in(settings)
    match settings.traffic.kind:
        case "door":
            _open(settings, host, settings.listen)
        case "haproxy":
            _open_on_loopback(settings, host)
        case _:
            _open(settings, host, f"unix:{settings.door_socket}")


def _open_on_loopback(settings: EnvironmentSettings, host: HostClient) -> None:
    """On the port that it has, or on a free one. HAProxy is told the port when requests are held: it is often
    chrooted, as another user, and would come to no Unix socket of ours."""
    from mobius.host import slots

    door = host.status().door
    if door is not None and door.listen.startswith(f"{LOOPBACK}:") and door.listen != settings.listen:
        with suppress(HostRefused):  # after a reboot somebody else may have it
            _open(settings, host, door.listen)
            return
    for _ in range(TRIES):
        with suppress(HostRefused):  # somebody else was faster
            _open(settings, host, f"{LOOPBACK}:{slots.free_port(set())}")
            return
    _open(settings, host, f"{LOOPBACK}:{slots.free_port(set())}")


def _open(settings: EnvironmentSettings, host: HostClient, listen: str) -> None:
    door, proxied = settings.door, settings.is_behind_proxy
    tls = Tls(str(door.tls_cert), str(door.tls_key)) if door.tls_cert and door.tls_key else None
    # Whoever comes by a Unix socket is believed anyway; HAProxy comes by the loopback.
    proxy = (LOOPBACK,) if proxied else ()
    host.configure_door(
        listen,
        tls=None if proxied else tls,
        limits=Limits(
            header_bytes=door.header_bytes,
            body_bytes=door.body_bytes,
            header_timeout_s=door.header_timeout_s,
            body_timeout_s=door.body_timeout_s,
            idle_timeout_s=door.idle_timeout_s,
            upstream_timeout_s=door.upstream_timeout_s,
        ),
        critical_routes=settings.critical_routes,
        trusted_proxies=(*door.trusted_proxies, *proxy),
        expose_release=door.expose_release,
    )


def port_is_ours_or_free(settings: EnvironmentSettings, root: Path, host: HostClient) -> CheckResult:
    """Whether the front door has its port, or can have it."""
    name, listen = "port", settings.listen
    if settings.is_behind_proxy:
        return CheckResult(name, Outcome.PASS, f"{listen} is {settings.traffic.kind}'s", 0.0)
    try:
        door = host.status().door
        if door is not None and door.listen == listen:
            return CheckResult(name, Outcome.PASS, f"{listen} is held by our own front door", 0.0)
    except HostUnavailable:
        pass
    taken = _who_listens(listen)
    if taken.startswith(FRONT_DOOR) and taken.endswith(f", in {root.resolve()})"):
        return CheckResult(name, Outcome.PASS, f"{listen} is held by our own front door", 0.0)
    if not taken:
        return CheckResult(name, Outcome.PASS, f"{listen} is free", 0.0)
    advice = f"stop it, or give {settings.name} another `listen` in mobius.toml"
    return CheckResult(name, Outcome.FAIL, f"{listen} is taken by {taken}", 0.0, advice)


def command_is_there(process: ProcessSettings) -> CheckResult:
    """A bare name must be on the PATH now; a path may be made by the build, and is checked after it."""
    name, program = f"start command of {process.name}", process.start[0]
    if "/" in program and not Path(program).is_absolute():
        return CheckResult(
            name, Outcome.PASS, f"{program} is looked for in the release once it is built", 0.0
        )
    if shutil.which(program):
        return CheckResult(name, Outcome.PASS, f"{program} is there", 0.0)
    advice = f"install {program}, or correct [[process]] start in mobius.toml"
    return CheckResult(name, Outcome.FAIL, f"{program} is not there", 0.0, advice)


def shared_out(tails: Sequence[Sequence[str]], lines: int) -> list[str]:
    """So many lines in all, of each log its share: a worker that talks much must not hide why the web process
    died. What one does not need is the next one's."""
    if not tails:
        return []
    shares = [lines // len(tails) + (n < lines % len(tails)) for n in range(len(tails))]
    spare = lines - sum(min(len(tail), share) for tail, share in zip(tails, shares, strict=True))
    told: list[str] = []
    for tail, share in zip(tails, shares, strict=True):
        more = min(spare, max(0, len(tail) - share))
        spare -= more
        told += tail[max(0, len(tail) - share - more) :]
    return told


def _who_listens(listen: str) -> str:
    """Who holds the address, in words; "" when nobody does."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as problem:
            return _holder_of(int(port)) or f"another process ({problem.strerror})"
    return ""


def _holder_of(port: int) -> str:
    import psutil

    told = ""
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                process = psutil.Process(connection.pid)
                # The supervisor holds the socket of its door too; the door is the one that people know.
                if root := process.environ().get(MARK_ROOT, ""):
                    return f"{FRONT_DOOR} (pid {process.pid}, in {root})"
                told = told or f"{process.name()} (pid {process.pid}, in {process.cwd()})"
    except (psutil.Error, OSError):
        pass
    return told
