"""What an adoption does on this machine besides files: units, the proxy's one reload, and asking who answers."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mobius.adapters.adopting import proxies
from mobius.adapters.adopting.units import Units
from mobius.adapters.load import Load
from mobius.errors import GateFailed
from mobius.model.adoption import Adoption

PATIENCE_S = 5.0
BESIDE_S = 1.0  # counted before and after the reload
KEPT_ALIVE, FRESH, A_SECOND = 40, 10, 450.0  # the clients of --count
RTT_MS = 40.0  # theirs; without a delay a reload loses next to nothing, which would flatter it


class Machine:
    """The acts of `mobius.flows.adopt`, on systemd and the real proxy."""

    def __init__(self, units: Units) -> None:
        self._units = units

    def is_active(self, unit: str) -> bool:
        return self._units.is_active(unit)

    def start(self, unit: str) -> None:
        self._units.start(unit)

    def disable(self, unit: str, enabled: str) -> None:
        self._units.disable(unit, enabled)

    def link(self, links: Mapping[str, str]) -> None:
        self._units.link(links)

    def check_proxy(self, plan: Adoption) -> None:
        proxies.check(plan.proxy, plan.proxy_config)

    def reload_proxy(self, plan: Adoption) -> None:
        self._units.reload(plan.proxy_unit)

    def reaches(self, plan: Adoption) -> str:
        """Why the proxy's own user gets no answer from the service by our socket; "" when it does."""
        if plan.proxy == "haproxy":
            return ""  # it goes on dialling the service's own port
        path = f"{plan.root}/live/web.sock"
        if plan.proxy_user and os.geteuid() == 0 and (why := _as_user(plan.proxy_user, path)):
            return why
        status = _status(_UnixLine(path), plan.health)
        return "" if 0 < status < 500 else f"{path} answers {status or 'nothing'}"

    def answers(self, plan: Adoption) -> bool:
        """Whether the service answers on its own port."""
        line = http.client.HTTPConnection("127.0.0.1", plan.port, timeout=PATIENCE_S)
        return 0 < _status(line, plan.health) < 500


def health_of(port: int, path: str) -> int:
    """The status with which the service answers its health check itself, 0 for no answer."""
    return _status(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S), path)


@contextlib.contextmanager
def counting(url: str, path: str, say: Callable[[str], None]) -> Iterator[None]:
    """Sends requests while inside, and says in the end how many were lost."""
    load = Load(
        url,
        rtt_ms=RTT_MS,
        keepalive=KEPT_ALIVE,
        fresh=FRESH,
        rate=A_SECOND,
        post_share=0.0,
        slow_share=0.0,
        paths=(path,),
    )
    load.start()
    try:
        time.sleep(BESIDE_S)
        yield
        time.sleep(BESIDE_S)
    finally:
        report = load.stop()
        lost = f"{len(report.lost)} of {report.requests} requests were lost in the reload"
        say(f"counted: {lost}, on a line of {RTT_MS:g} ms")


class _UnixLine(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self._path)


def _status(line: http.client.HTTPConnection, path: str) -> int:
    with contextlib.closing(line):
        try:
            line.request("GET", path, headers={"Connection": "close"})
            return line.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0


def _as_user(user: str, path: str) -> str:
    """Why this user cannot connect to the socket; "" when it can."""
    import pwd

    try:
        who = pwd.getpwnam(user)
    except KeyError:
        return f"there is no user {user}, who its workers run as"
    pid = os.fork()
    if pid == 0:  # in here: nothing but system calls, and out
        code = 1
        with contextlib.suppress(OSError):
            os.initgroups(user, who.pw_gid)
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(PATIENCE_S)
                line.connect(path)
            code = 0
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    if status == 0:
        return ""
    return (
        f"the user {user}, who its workers run as, may not connect to it{_closed_folder(Path(path).parent)}"
    )


def _closed_folder(folder: Path) -> str:
    """The outermost folder that not everybody may pass, as a hint."""
    for each in reversed((folder, *folder.parents)):
        with contextlib.suppress(OSError):
            if not each.stat().st_mode & 0o001:
                return f" ({each} is closed: chmod o+x {each}, or use another folder)"
    return ""


def refuse_unless_root() -> None:
    """Raises `GateFailed` for whoever cannot change what an adoption changes."""
    if os.name != "posix" or os.geteuid() != 0:
        raise GateFailed(
            "adopting changes units and the proxy's files, which are root's", "sudo mobius adopt …"
        )
