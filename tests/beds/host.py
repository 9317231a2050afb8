"""A systemd host in systemd-nspawn: boots, is cut off, loses its power, and keeps its files.

with Host.alone("web") as host:
    host.write("/etc/systemd/system/app.service", UNIT)
    host.run(["systemctl", "start", "app"])
    host.crash()
    host.boot()
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from .build import DEPLOY_USER, INIT_PATH, rootfs
from .ground import Ground, hierarchies, ip
from .identity import Identity

BOOT_S = 60.0  # on a machine that does other things, too
ROOT = Path(__file__).parents[2]

# The overlay is mounted where only nspawn and what it starts can see it: it goes when they go.
START = """\
for group in $GROUPS_OF_HOST; do echo $$ > "$group/cgroup.procs"; done
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$MERGED"
exec "$@"
"""
ENTER = """\
for group in $GROUPS_OF_HOST; do mkdir -p "$group"; echo $$ > "$group/cgroup.procs"; done
exec "$@"
"""


class WentWrong(AssertionError):
    """A program inside left with another code than zero, or was not done in time; the message has what it said."""


class Host:
    """One host. Made by `Bed.host`, or by `Host.alone` with a bed of its own."""

    def __init__(self, ground: Ground, name: str, *, namespace: str, address: str, link: str) -> None:
        self.name, self.address, self.link, self.namespace = name, address, link, namespace
        self.folder = ground.room / name
        self._group = f"{ground.name}-{name}"
        self._nspawn: subprocess.Popen[bytes] | None = None
        for part in ("upper", "work", "merged"):
            (self.folder / part).mkdir(parents=True)
        self.identity = Identity(name, address, folder=self.folder / "keys")
        self.identity.write_into(self.folder / "upper")

    @classmethod
    @contextmanager
    def alone(cls, name: str = "host") -> Iterator[Host]:
        """The only host of a bed of its own."""
        from .bed import Bed

        with Bed() as bed:
            yield bed.host(name)

    # --- power -----------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Returns when systemd says that booting is over, well or not: `state()` tells which."""
        if self.is_up:
            raise WentWrong(f"{self.name} is up already")
        groups = [root / self._group for root in hierarchies()]
        for group in groups:
            group.mkdir(exist_ok=True)
        env = {
            **os.environ,
            "GROUPS_OF_HOST": " ".join(map(str, groups)),
            "LOWER": str(rootfs()),
            **{part.upper(): str(self.folder / part) for part in ("upper", "work", "merged")},
        }
        alone = ("unshare", "--mount", "--propagation", "slave", "--", "sh", "-euc", START, "sh")
        nspawn = (
            *(
                "systemd-nspawn",
                "--quiet",
                "--kill-signal=SIGRTMIN+3",
                "--register=no",
                "--keep-unit",
                "--console=passive",
            ),
            *(
                "--resolv-conf=off",
                "--timezone=off",
                f"--machine={self.name}",
                f"--directory={self.folder / 'merged'}",
            ),
            f"--network-namespace-path=/run/netns/{self.namespace}",
            *(f"--bind-ro={path}" for path in lent()),
            *("--", INIT_PATH),
        )
        with (self.folder / "console.log").open("ab") as console:
            self._nspawn = subprocess.Popen(
                [*alone, *nspawn],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        self.wait_until(self._answers, "systemd to answer", within=BOOT_S)
        self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=BOOT_S)

    def poweroff(self) -> None:
        """Graceful: units are stopped in their order."""
        self.run(["systemctl", "poweroff", "--no-block"])
        self.await_down()

    def reboot(self) -> None:
        """Graceful, and up again; files are kept."""
        self.run(["systemctl", "reboot", "--no-block"])
        self.await_down()
        self.boot()

    def crash(self) -> None:
        """Everything dies at once, as without power. What was written stays, also what was not fsynced: the kernel is
        this machine's. `boot` starts it again."""
        os.kill(self.leader, signal.SIGKILL)
        self.await_down()

    @property
    def is_up(self) -> bool:
        return self._nspawn is not None and self._nspawn.poll() is None

    @property
    def leader(self) -> int:
        """The pid, on this machine, of the host's systemd."""
        assert self._nspawn is not None, f"{self.name} is not up"
        pid = self._nspawn.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            raise WentWrong(f"{self.name} is not up\n{self.last_words()}")
        return int(children[0])

    def _answers(self) -> bool:
        assert self._nspawn is not None
        if self._nspawn.poll() is not None:
            raise WentWrong(f"{self.name} went down while booting\n{self.last_words()}")
        try:
            socket = Path(f"/proc/{self.leader}/root/run/systemd/private")
            return (
                socket.exists()
                and self.run(["test", "-S", "/run/systemd/private"], check=False).returncode == 0
            )
        except (WentWrong, OSError):
            return False

    def await_down(self) -> None:
        """When it was told, from inside, to go down or to reboot: `boot` starts it then, for either."""
        if self._nspawn is not None:
            try:
                self._nspawn.wait(BOOT_S)
            except subprocess.TimeoutExpired:
                raise WentWrong(
                    f"{self.name} did not go down within {BOOT_S:g} s\n{self.last_words()}"
                ) from None
            self._nspawn = None

    # --- inside ----------------------------------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str | PurePosixPath],
        *,
        user: str = "root",
        check: bool = True,
        timeout: float = 30,
        input: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | PurePosixPath | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs it inside to its end, as that user, without the network's help; both streams are captured.

        Past `timeout` seconds it is ended with all it started in its process group. Raises WentWrong, with `check`.
        """
        given = input.encode() if isinstance(input, str) else input
        inner = ["timeout", "--kill-after=2", str(timeout), *self._as(user, env, cwd), *map(str, argv)]
        done = subprocess.run(
            self._enter(inner),
            env={**os.environ, "GROUPS_OF_HOST": self._groups_inside()},
            input=given or b"",
            capture_output=True,
            timeout=timeout + 30,
        )
        said = subprocess.CompletedProcess(
            list(map(str, argv)),
            done.returncode,
            done.stdout.decode("utf-8", "replace"),
            done.stderr.decode("utf-8", "replace"),
        )
        if check and done.returncode != 0:
            late = f" (not done within {timeout:g} s)" if done.returncode in (124, 137) else ""
            raise WentWrong(
                f"{shlex.join(said.args)} on {self.name} left with {done.returncode}{late}\n{said.stdout}{said.stderr}"
            )
        return said

    def popen(
        self,
        argv: Sequence[str | PurePosixPath],
        *,
        user: str = "root",
        env: Mapping[str, str] | None = None,
        cwd: str | PurePosixPath | None = None,
        **how: Any,
    ) -> subprocess.Popen[bytes]:
        """Starts it inside and does not wait. It dies when the process that this returns is killed."""
        inner = [*self._as(user, env, cwd, "--pdeathsig=KILL"), *map(str, argv)]
        return subprocess.Popen(
            self._enter(inner), env={**os.environ, "GROUPS_OF_HOST": self._groups_inside()}, **how
        )

    def _as(
        self, user: str, env: Mapping[str, str] | None, cwd: str | PurePosixPath | None, *more: str
    ) -> list[str]:
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env", *more]
        place = [f"--chdir={cwd}"] if cwd else []
        return [
            *who,
            "env",
            *place,
            "LANG=C.UTF-8",
            *(f"{name}={value}" for name, value in (env or {}).items()),
        ]

    def _enter(self, argv: Sequence[str]) -> list[str]:
        kinds = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        return ["sh", "-euc", ENTER, "sh", "nsenter", f"--target={self.leader}", *kinds, "--", *argv]

    def _groups_inside(self) -> str:
        """Beside the host's own units: what is run inside belongs to the host, for its systemd, too."""
        found = []
        for root in hierarchies():
            mine = root / self._group
            payload = mine / "payload"
            found.append((payload if payload.exists() else mine) / "bed")
        return " ".join(map(str, found))

    # --- files -----------------------------------------------------------------------------------------------

    def write(self, path: str, text: str | bytes, *, mode: int = 0o644, owner: str = "root") -> None:
        """The whole file, with its folders."""
        self.run(
            ["install", "-D", f"--mode={mode:o}", f"--owner={owner}", f"--group={owner}", "/dev/stdin", path],
            input=text,
        )

    def read(self, path: str) -> str:
        return self.run(["cat", path]).stdout

    def put(self, folder: Path, path: str, *, owner: str = "root") -> None:
        """Copies what is in the folder of this machine into a folder of the host."""
        packed = subprocess.run(["tar", "-C", folder, "-c", "."], check=True, capture_output=True).stdout
        self.run(["mkdir", "-p", path])
        self.run(["tar", "-C", path, "-x", "--no-same-owner"], input=packed)
        self.run(["chown", "-R", f"{owner}:{owner}", path])

    # --- units -----------------------------------------------------------------------------------------------

    def unit(self, name: str, text: str, *, start: bool = True) -> None:
        """Writes the unit file, reloads, and starts it."""
        self.write(f"/etc/systemd/system/{name}", text)
        self.run(["systemctl", "daemon-reload"])
        if start:
            self.run(["systemctl", "start", name])

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """`systemctl show` of these properties."""
        said = self.run(["systemctl", "show", unit, f"--property={','.join(properties)}"]).stdout
        return dict(line.partition("=")[::2] for line in said.splitlines() if line)

    def state(self, unit: str = "") -> str:
        """`active`, `failed` …; without a unit, of the whole system: `running`, `degraded` …"""
        asked = ["systemctl", "is-active", unit] if unit else ["systemctl", "is-system-running"]
        return self.run(asked, check=False).stdout.strip()

    def journal(self, unit: str = "", *more: str) -> str:
        chosen = ["--unit", unit] if unit else []
        return self.run(["journalctl", "--no-pager", "--output=cat", *chosen, *more]).stdout

    # --- the line --------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Takes its network away; `run` still works."""
        ip("link", "set", self.link, "down")

    def heal(self) -> None:
        ip("link", "set", self.link, "up")

    @property
    def ssh_config(self) -> Path:
        """For `ssh -F`: the key, and the host's own key, verified. Knows the host by its address and by its name."""
        return self.identity.ssh_config

    def login(self, user: str = DEPLOY_USER) -> str:
        return f"{user}@{self.address}"

    def ssh(
        self, argv: Sequence[str], *, user: str = DEPLOY_USER, check: bool = True, timeout: float = 30
    ) -> subprocess.CompletedProcess[str]:
        """A real login with a session of its own; the words reach the shell there quoted."""
        done = subprocess.run(
            ["ssh", "-F", self.ssh_config, self.login(user), shlex.join(argv)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            raise WentWrong(f"ssh {shlex.join(argv)} left with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    # --- the rest --------------------------------------------------------------------------------------------

    def wait_until(self, holds: Callable[[], object], what: str, *, within: float = 20) -> None:
        """Asks again and again until it holds."""
        deadline = time.monotonic() + within
        while not holds():
            if time.monotonic() > deadline:
                raise WentWrong(f"waited {within:g} s on {self.name} for {what}\n{self.last_words()}")
            time.sleep(0.02)

    def introduce(self, neighbours: Mapping[str, str]) -> None:
        """Tells it the names and addresses of the hosts of its bed, itself among them."""
        text = self.identity.hosts_file(neighbours)
        if self.is_up:
            self.write("/etc/hosts", text)
        else:
            (self.folder / "upper/etc/hosts").write_text(text)

    def last_words(self) -> str:
        """For a report of what went wrong: failed units and the end of its journal, or of its console."""
        if self.is_up:
            with contextlib.suppress(Exception):
                failed = self.run(["systemctl", "--failed", "--no-legend", "--plain"], check=False, timeout=5)
                journal = self.run(["journalctl", "--no-pager", "--lines=40"], check=False, timeout=5)
                return f"{self.name}, failed units:\n{failed.stdout}{self.name}, journal:\n{journal.stdout}"
        console = self.folder / "console.log"
        said = console.read_text("utf-8", "replace")[-2000:] if console.exists() else "nothing"
        return f"{self.name} is down; its console said:\n{said}"

    def reap(self) -> None:
        """After the bed was cleared: takes leave of the dead process."""
        if self._nspawn is not None:
            self._nspawn.wait(BOOT_S)


def lent() -> list[str]:
    """What of this machine is to be seen inside, read-only, at the same place: the checkout with its .venv, and the
    Python that the .venv is made of, unless it is the system's, which the host has itself."""
    pythons = {Path(sys.base_prefix), Path(sys.base_prefix).resolve()}
    return [str(ROOT), *sorted(str(path) for path in pythons if path != Path("/usr"))]
