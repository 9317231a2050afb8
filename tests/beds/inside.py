"""What is done inside a host, without the network's help: programs, files and units."""

from __future__ import annotations

import os
import shlex
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from .ground import hierarchies

ENTER = """\
for group in $GROUPS_OF_HOST; do mkdir -p "$group"; echo $$ > "$group/cgroup.procs"; done
exec "$@"
"""


class WentWrong(AssertionError):
    """A program inside left with another code than zero, or was not done in time; the message has what it said."""


class Inside(ABC):
    """A booted host, entered by its namespaces and its control groups."""

    name: str
    group: str

    @property
    @abstractmethod
    def leader(self) -> int:
        """The pid, on this machine, of the host's systemd."""

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
            mine = root / self.group
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
