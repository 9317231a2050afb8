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
from pathlib import Path

from .build import DEPLOY_USER, INIT_PATH, rootfs
from .ground import Ground, hierarchies, ip, members
from .identity import Identity
from .inside import Inside, WentWrong

BOOT_S = 120.0  # on a machine that does other things, too
ROOT = Path(__file__).parents[2]

# The overlay is mounted where only nspawn and what it starts can see it: it goes when they go.
START = """\
for group in $GROUPS_OF_HOST; do echo $$ > "$group/cgroup.procs"; done
if [ -n "$DISK" ]; then
  mkdir -p "$DISK.is" && mount -o loop "$DISK" "$DISK.is"
  [ -d "$DISK.is/upper" ] || { mkdir "$DISK.is/work" && cp --archive "$UPPER" "$DISK.is/upper"; }
  UPPER=$DISK.is/upper WORK=$DISK.is/work
fi
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$MERGED"
exec "$@"
"""


class Host(Inside):
    """One host. Made by `Bed.host`, or by `Host.alone` with a bed of its own."""

    def __init__(
        self,
        ground: Ground,
        name: str,
        *,
        namespace: str,
        address: str,
        link: str,
        like: Host | None = None,
        disk_mib: int = 0,
    ) -> None:
        self.name, self.address, self.link, self.namespace = name, address, link, namespace
        self.folder = ground.room / name
        self.group = f"{ground.name}-{name}"
        self._nspawn: subprocess.Popen[bytes] | None = None
        for part in ("upper", "work", "merged"):
            (self.folder / part).mkdir(parents=True)
        if like is not None:
            self._take_over(like)
        self.identity = Identity(name, address, folder=self.folder / "keys")
        self.identity.write_into(self.folder / "upper")
        self._disk = self.folder / "disk" if disk_mib else None
        if self._disk is not None:
            subprocess.run(["truncate", f"--size={disk_mib}M", self._disk], check=True)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", self._disk], check=True, capture_output=True)

    def _take_over(self, like: Host) -> None:
        if like.is_up:
            raise WentWrong(f"{like.name} is up: what is copied of it would not be whole")
        subprocess.run(
            ["cp", "--archive", f"{like.folder / 'upper'}/.", self.folder / "upper"],
            check=True,
            capture_output=True,
        )

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
        groups = [root / self.group for root in hierarchies()]
        for group in groups:
            group.mkdir(exist_ok=True)
        env = {
            **os.environ,
            "GROUPS_OF_HOST": " ".join(map(str, groups)),
            "LOWER": str(rootfs()),
            "DISK": str(self._disk or ""),
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
                f"--machine={self.group}",
                f"--hostname={self.name}",
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

    def _let_go(self) -> None:
        """systemd stops everybody for a moment while it goes down; nsenter, outside, then stops itself for good and
        never takes leave of its dead child, for whom systemd waits."""
        for root in hierarchies():
            for pid in members(root / self.group):
                with contextlib.suppress(ProcessLookupError, OSError):
                    if Path(f"/proc/{pid}/comm").read_text() == "nsenter\n":
                        os.kill(pid, signal.SIGCONT)

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
        deadline = time.monotonic() + BOOT_S
        while self.is_up:
            if time.monotonic() > deadline:
                raise WentWrong(f"{self.name} did not go down within {BOOT_S:g} s\n{self.last_words()}")
            self._let_go()
            time.sleep(0.05)
        if self._nspawn is not None:
            self._nspawn = None

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
        """Asks again and again until it holds; what is costly to ask is asked less often."""
        deadline = time.monotonic() + within
        while True:
            asked = time.monotonic()
            if holds():
                return
            if asked > deadline:
                raise WentWrong(f"waited {within:g} s on {self.name} for {what}\n{self.last_words()}")
            time.sleep(min(max(0.02, 2 * (time.monotonic() - asked)), 2.0))

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
                journal = self.run(["journalctl", "--no-pager", "--lines=80"], check=False, timeout=5)
                said = "".join(
                    line for line in journal.stdout.splitlines(keepends=True) if ": pam_" not in line
                )
                return f"{self.name}, failed units:\n{failed.stdout}{self.name}, journal:\n{said}"
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
