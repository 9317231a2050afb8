"""`python -m mobius.host --root ROOT`: the supervisor as a program; one per root, in front or detached."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from mobius.host.protocol import why_no_supervisor
from mobius.host.systemd import Notify, take_handed_sockets

LOCKED = 10
ANSWER_WITHIN_S = 5.0
LOOK_AGAIN_S = 0.02
GONE_WITHIN_S = 5.0


def main() -> NoReturn:
    parser = argparse.ArgumentParser(prog="python -m mobius.host", description=__doc__)
    parser.add_argument(
        "--root", type=Path, required=True, help="the environment's root, as .mobius/production"
    )
    parser.add_argument("--detach", action="store_true", help="go to the background once the socket is bound")
    parser.add_argument("--adopt", metavar="JSON", help=argparse.SUPPRESS)  # descriptors, over an upgrade
    given = parser.parse_args()
    if why_not := why_no_supervisor():
        print(why_not, file=sys.stderr)
        sys.exit(1)
    root = given.root.resolve()
    try:
        (root / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    inherited: list[socket.socket] = []
    notify = Notify()
    take_handed_sockets()
    if given.adopt:
        handed = json.loads(given.adopt)
        lock_fd = handed["lock"]
        control = socket.socket(fileno=handed["control"])
        inherited = [socket.socket(fileno=fd) for fd in handed["listening"]]
        for fd in (lock_fd, handed["control"], *handed["listening"]):
            os.set_inheritable(fd, False)
    else:
        lock_fd = take_lock(root)
        from mobius.host.control import bind_control
        from mobius.host.protocol import place_socket

        control = bind_control(place_socket(root / "run", "host.sock"))
    if given.detach:
        detach(root)
    os.ftruncate(lock_fd, 0)
    os.pwrite(lock_fd, b"%d\n" % os.getpid(), 0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asyncio.run(_serve(root, lock_fd, control, inherited, notify))
    sys.exit(0)


async def _serve(
    root: Path, lock_fd: int, control: socket.socket, inherited: list[socket.socket], notify: Notify
) -> None:
    from mobius.host.supervisor import Supervisor

    told = asyncio.get_running_loop().create_task(_tell_systemd(root, notify))
    await Supervisor(root, lock_fd, control).serve(inherited)
    told.cancel()
    notify.stopping()


async def _tell_systemd(root: Path, notify: Notify) -> None:
    """Ready once it answers as anybody would ask it; alive as long as it does."""
    from mobius.host.control import ask_async
    from mobius.host.protocol import HostUnavailable, find_socket

    is_ready = False
    while True:
        with contextlib.suppress(HostUnavailable):
            await ask_async(find_socket(root / "run", "host.sock"), "ping", {}, timeout_s=ANSWER_WITHIN_S)
            if not is_ready:
                notify.ready(f"supervisor of {root}")
                is_ready = True
            notify.alive()
        if is_ready and not notify.every_s:
            return
        await asyncio.sleep(notify.every_s if is_ready else LOOK_AGAIN_S)


def take_lock(root: Path) -> int:
    """Holds the lock of this root until the process ends, or ends it with 10: another supervisor is there. One that is
    on its way out has no socket any more, and the lock for a moment longer: it is waited for."""
    fd = os.open(root / "run" / "host.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + GONE_WITHIN_S
    while not _locked(fd):
        if _answers(root) or time.monotonic() > until:
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip()
            who = f" (pid {holder})" if holder.isdigit() else ""
            print(f"another supervisor{who} already runs for {root}", file=sys.stderr)
            sys.exit(LOCKED)
        time.sleep(LOOK_AGAIN_S)
    return fd


def _locked(fd: int) -> bool:
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(root: Path) -> bool:
    from mobius.host.client import HostClient

    return HostClient(root).is_running()


def detach(root: Path) -> None:
    """Goes on in the background, in a session of its own; the caller's command ends here, with success."""
    if os.fork():
        os._exit(0)
    os.setsid()
    log = os.open(root / "run" / "host.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for fd in (null, log):
        with contextlib.suppress(OSError):
            os.close(fd)


if __name__ == "__main__":
    main()
